/** Some of what a piece of a log is found by. */
export interface LogText {
  /** What stands between white space, each once, in lower case: parts of it are searched for. */
  tokens: string
  /** The words in it, each once: runs of letters, digits and `_`, in lower case. */
  words: string[]
}

/** A part that is searched for is at most so long, and is found in a token of any length. */
export const MAX_PART_LENGTH = 64
const TOKEN_WINDOW = 256
const MAX_WORD_LENGTH = 64
/** So much of a log is taken apart at once: a millisecond or two. */
const SLICE_BYTES = 16 * 1024
/** In so many slices a token is kept once. */
const SLICES_TOGETHER = 4
/** About so much is one entry of the index: in a longer one any trigrams are together, and it would say little. */
const TEXT_LENGTH = 8 * 1024

// Escape sequences of terminals (ECMA-48): CSI, OSC, and those of two characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// What is not UTF-8 arrives as U+FFFD.
const BETWEEN = /[\s\p{Cc}\uFFFD]+/u
const WORD = /[\p{L}\p{N}_]+/gu

/**
 * What a piece of a log is found by; colours and what is not UTF-8 left out. Tokens that begin alike are in one text:
 * so each has few trigrams, and packs well. Step by step, for callers that have other things to do; not every step gives
 * a text.
 */
export function* logTexts(piece: Uint8Array): Generator<LogText | undefined, void, undefined> {
  let tokens = new Set<string>()
  let slices = 0
  for (const slice of slicesOf(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))) {
    const text = slice.toString('utf8').replace(ANSI, '').toLowerCase()
    for (const token of text.split(BETWEEN)) tokens.add(token)
    yield undefined
    if (++slices % SLICES_TOGETHER !== 0) continue
    yield* textsOf(tokens)
    tokens = new Set()
  }
  yield* textsOf(tokens)
}

function* textsOf(distinct: ReadonlySet<string>): Generator<LogText> {
  let tokens: string[] = []
  let words = new Set<string>()
  let length = 0
  for (const token of [...distinct].sort()) {
    if (token === '') continue
    for (const part of windows(token)) {
      const indexable = asciiOnly(part)
      tokens.push(indexable)
      length += indexable.length + 1
    }
    for (const [word] of token.matchAll(WORD)) words.add(word.slice(0, MAX_WORD_LENGTH))
    if (length < TEXT_LENGTH) continue
    yield { tokens: tokens.join(' '), words: [...words] }
    tokens = []
    words = new Set()
    length = 0
  }
  if (tokens.length > 0) yield { tokens: tokens.join(' '), words: [...words] }
}

/** Parts that end at white space, or where there is none, overlap. */
function* slicesOf(piece: Buffer): Generator<Buffer> {
  for (let at = 0; at < piece.length; ) {
    const slice = piece.subarray(at, at + SLICE_BYTES)
    if (at + SLICE_BYTES >= piece.length) return yield slice
    const space = Math.max(...[' ', '\n', '\t', '\r'].map((white) => slice.lastIndexOf(white)))
    yield space > 0 ? slice.subarray(0, space) : slice
    at += space > 0 ? space : SLICE_BYTES - 4 * MAX_PART_LENGTH
  }
}

/** Overlapping parts of a long token, so that whatever is short enough to be searched for is whole in one of them. */
function* windows(token: string): Generator<string> {
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
