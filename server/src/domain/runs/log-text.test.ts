import fc from 'fast-check'
import { expect, test } from 'vitest'
import { logText, MAX_TOKENS_LENGTH } from './log-text.ts'
import { searchTerms } from './search-terms.ts'

/** Whether what is searched for is in a piece, as the database says it. */
function isIn(pieces: Uint8Array[], search: string, options = { parts: true }): boolean {
  const { tokens, words } = logText(pieces)
  return searchTerms(search, options).every((term) =>
    term.type === 'part'
      ? tokens.includes(term.text)
      : words.some((word) => (term.prefix ? word.startsWith(term.word) : word === term.word)),
  )
}

test('colours are left out, and what is between white space is kept once and in lower case', () => {
  const log = Buffer.from('\u001b[1;32mMigrating\u001b[0m db/20110502_add.rb: 100%\nmigrating\n')
  expect(logText([log])).toEqual({
    tokens: 'migrating db/20110502_add.rb: 100%',
    words: ['migrating', 'db', '20110502_add', 'rb', '100'],
  })
})

test('parts of words, addresses, paths, error codes and text of any script are found', () => {
  const log = [
    Buffer.from(
      'immigrating at 0x7fff5a03 in /srv/app/releases/42/config.yml: ORA-00942, 日本語エラー größer\n',
    ),
  ]
  for (const search of ['migr', '0x7fff', 'app/releases/42', 'ORA-00942', '本語エ', 'RÖß', 'yml: ORA-009']) {
    expect({ search, found: isIn(log, search) }).toEqual({ search, found: true })
  }
  for (const search of ['app/releases/43', 'ora-00943', 'migrx', '語本']) {
    expect({ search, found: isIn(log, search) }).toEqual({ search, found: false })
  }
})

test('what is searched for in a token of any length is found', () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.integer({ min: 3, max: 64 }), (at, length) => {
      const token = Array.from({ length: 900 }, (_, i) => i.toString(36)).join('.')
      const search = token.slice(at % (token.length - length)).slice(0, length)
      const [term] = searchTerms(search, { parts: true })
      if (term?.type === 'part') expect(logText([Buffer.from(token)]).tokens).toContain(term.text)
    }),
  )
})

test('whatever stands between white space is found, whole and by words, among any other bytes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 30 }),
      fc.uint8Array(),
      (texts, bytes) => {
        const log = [Buffer.from(texts.join(' ')), Buffer.from('\n'), bytes]
        for (const text of texts) {
          if (/[\p{Cc}\uFFFD*]/u.test(text)) continue
          expect(isIn(log, text)).toBe(true)
          expect(isIn(log, text, { parts: false })).toBe(true)
        }
      },
    ),
  )
})

test('a piece has no more text than its bound', () => {
  const log = Array.from({ length: 20_000 }, (_, i) => `word-${i}`).join(' ')
  const { tokens } = logText([Buffer.from(log)])
  expect(tokens.length).toBeLessThanOrEqual(MAX_TOKENS_LENGTH)
  expect(tokens.length).toBeGreaterThan(MAX_TOKENS_LENGTH - 100)
})
