/** What a piece of a log is found by. */
export interface LogText {
  /** What stands between white space, each once, in lower case: parts of it are searched for. */
  tokens: string
  /** The words in it, each once: runs of letters, digits and `_`, in lower case. */
  words: string[]
}

/** Of a piece so much of different text is indexed: enough for a piece of a log, and a bound for random bytes. */
export const MAX_TOKENS_LENGTH = 64 * 1024
/** A part that is searched for is at most so long, and is found in a token of any length. */
export const MAX_PART_LENGTH = 64
const TOKEN_WINDOW = 256
const MAX_WORD_LENGTH = 64

// Escape sequences of terminals (ECMA-48): CSI, OSC, and those of two characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// What is not UTF-8 arrives as U+FFFD.
const BETWEEN = /[\s\p{Cc}\uFFFD]+/u
const WORD = /[\p{L}\p{N}_]+/gu

/** What a piece of a log is found by; colours and what is not UTF-8 left out. */
export function logText(pieces: readonly Uint8Array[]): LogText {
  const text = Buffer.concat(pieces).toString('utf8').replace(ANSI, '').toLowerCase()
  const tokens = new Set<string>()
  const words = new Set<string>()
  let length = 0
  for (const token of new Set(text.split(BETWEEN))) {
    for (const part of windows(token)) {
      const indexable = asciiOnly(part)
      length += indexable.length + 1
      if (length > MAX_TOKENS_LENGTH) return { tokens: [...tokens].join(' '), words: [...words] }
      tokens.add(indexable)
    }
    for (const [word] of token.matchAll(WORD)) words.add(word.slice(0, MAX_WORD_LENGTH))
  }
  return { tokens: [...tokens].join(' '), words: [...words] }
}

/** Overlapping parts of a long token, so that whatever is short enough to be searched for is whole in one of them. */
function* windows(token: string): Generator<string> {
  if (token === '') return
  for (let at = 0; ; at += TOKEN_WINDOW - MAX_PART_LENGTH) {
    yield token.slice(at, at + TOKEN_WINDOW)
    if (at + TOKEN_WINDOW >= token.length) return
  }
}

/**
 * Other characters than ASCII as `U` and their code, in capitals, of which there are none else: in a database of
 * the C locale, as the embedded one is, pg_trgm takes them for what is between words.
 */
export const asciiOnly = (lowerCase: string): string =>
  lowerCase.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins with them.
    /[^\u0000-\u007f]/g,
    (unit) => `U${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  )

/** The whole words of a text, in lower case, as they are indexed. */
export const wordsOf = (text: string): string[] =>
  [...text.toLowerCase().matchAll(WORD)].map(([word]) => word.slice(0, MAX_WORD_LENGTH))
