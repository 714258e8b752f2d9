import { expect, test } from 'vitest'
import { logText } from './log-text.ts'

test.each([
  ['colours and lines stay', '\u001b[1;32mok\u001b[0m\tdone\r\n', '\u001b[1;32mok\u001b[0m\tdone\r\n'],
  ['the screen is not cleared', 'a\u001b[2Jb', 'a\\u001b[2Jb'],
  ['the clipboard is not written', '\u001b]52;c;aGk=\u0007', '\\u001b]52;c;aGk=\\u0007'],
  ['text is text', 'Grüße ✓', 'Grüße ✓'],
])('%s', (_, log, shown) => {
  expect(logText(log)).toBe(shown)
})
