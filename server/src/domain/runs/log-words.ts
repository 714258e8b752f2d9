/** A word that is searched for in logs: as it is, or as the beginning of words. */
export interface SearchWord {
  word: string
  prefix: boolean
}

/** The most words of one piece of a log that are indexed: its index stays a fraction of it. */
export const MAX_WORDS = 4000
const MAX_WORD_LENGTH = 64

// Escape sequences of terminals (ECMA-48): CSI, OSC, and those of two characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
const WORD = /[\p{L}\p{N}_]+/gu

/**
 * The words of a piece of a log by which it is found, each once: runs of letters, digits and `_`, in lower case,
 * cut at 64 characters, colours left out. The first 4,000 of a piece; what is not UTF-8 is in none.
 */
export function logWords(pieces: readonly Uint8Array[]): string[] {
  const words = new Set<string>()
  const text = Buffer.concat(pieces).toString('utf8').replace(ANSI, '').toLowerCase()
  for (const [word] of text.matchAll(WORD)) {
    words.add(word.slice(0, MAX_WORD_LENGTH))
    if (words.size === MAX_WORDS) break
  }
  return [...words]
}

/** The words of what somebody searches for; one that ends with `*` stands for all that begin so. */
export function searchWords(text: string): SearchWord[] {
  return [...text.toLowerCase().matchAll(/([\p{L}\p{N}_]+)(\*?)/gu)].map(([, word, star]) => ({
    word: word!.slice(0, MAX_WORD_LENGTH),
    prefix: star === '*',
  }))
}
