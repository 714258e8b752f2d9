import fc from 'fast-check'
import { expect, test } from 'vitest'
import { logWords, MAX_WORDS, searchWords } from './log-words.ts'

test('colours are no words, and a word is found in any case', () => {
  const log = Buffer.from('\u001b[1;32mMigrating\u001b[0m db/20110502_add_index.rb: 100%\n')
  expect(logWords([log])).toEqual(['migrating', 'db', '20110502_add_index', 'rb', '100'])
})

test('what is searched for is taken apart as logs are', () => {
  expect(searchWords('Disk-full migrat*')).toEqual([
    { word: 'disk', prefix: false },
    { word: 'full', prefix: false },
    { word: 'migrat', prefix: true },
  ])
  expect(searchWords('*** --')).toEqual([])
})

test('every word of a search that is in a log is found, whatever the bytes around it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 30 }),
      fc.uint8Array(),
      (texts, bytes) => {
        const words = new Set(logWords([Buffer.from(texts.join(' ')), Buffer.from('\n'), bytes]))
        for (const { word } of texts.flatMap(searchWords)) expect(words).toContain(word)
      },
    ),
  )
})

test('a piece has at most so many words', () => {
  const log = Array.from({ length: MAX_WORDS * 2 }, (_, i) => `w${i}`).join(' ')
  expect(logWords([Buffer.from(log)])).toHaveLength(MAX_WORDS)
})
