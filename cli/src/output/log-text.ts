import { printable } from './terminal-text.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal takes as a command
const PIECES = /(\u001b\[[0-9;:]*m)|([\t\n\r]+)|([^\t\n\r\u001b]+|\u001b)/g

/**
 * A log as a terminal may show it: its colours, lines and tabs, and no other command, since those could move
 * the cursor, set the title or write to the clipboard.
 */
export function logText(text: string): string {
  return text.replace(PIECES, (_, colour?: string, space?: string, rest?: string) =>
    rest === undefined ? (colour ?? space ?? '') : printable(rest),
  )
}
