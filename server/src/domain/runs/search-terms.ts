import { asciiOnly, MAX_PART_LENGTH, wordsOf } from './log-text.ts'

/** What must be in a log. */
export type SearchTerm =
  /** Anywhere in what stands between white space. */
  | { type: 'part'; text: string }
  /** A whole word, or the beginning of one. */
  | { type: 'word'; word: string; prefix: boolean }

/** What `parts` needs to be found by: three letters or digits in a row. */
const TRIGRAM = /[a-z\d]{3}/i
const BEGINNING = /^[\p{L}\p{N}_]+\*$/u

/**
 * What somebody searches for. Each term between white space is found anywhere, also inside words; one that ends with
 * `*` at the beginning of words; and as whole words where it is too short to be told apart inside of others, or where
 * the database cannot look inside words (`parts`).
 */
export function searchTerms(text: string, { parts }: { parts: boolean }): SearchTerm[] {
  return text
    .toLowerCase()
    .split(/[\s\p{Cc}\uFFFD]+/u)
    .flatMap((term): SearchTerm[] => {
      if (BEGINNING.test(term)) return wordsOf(term).map((word) => ({ type: 'word', word, prefix: true }))
      const plain = term.replace(/\*+$/, '')
      const found = parts ? partsOf(plain).filter((part) => TRIGRAM.test(part)) : []
      if (found.length > 0) return found.map((part) => ({ type: 'part', text: part }))
      return wordsOf(plain).map((word) => ({ type: 'word', word, prefix: false }))
    })
}

function partsOf(term: string): string[] {
  const parts: string[] = []
  for (let at = 0; at < term.length; at += MAX_PART_LENGTH) {
    parts.push(asciiOnly(term.slice(at, at + MAX_PART_LENGTH)))
  }
  return parts
}
