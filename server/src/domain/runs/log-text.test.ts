import fc from 'fast-check'
import { expect, test } from 'vitest'
import { logTexts } from './log-text.ts'
import { searchTerms } from './search-terms.ts'

const textsOf = (piece: Uint8Array) => [...logTexts(piece)].filter((text) => text !== undefined)

/** Whether what is searched for is in a piece, as the database says it. */
function isIn(piece: Uint8Array, search: string, options = { parts: true }): boolean {
  const texts = textsOf(piece)
  return searchTerms(search, options).every((term) =>
    texts.some(({ tokens, words }) =>
      term.type === 'part'
        ? tokens.includes(term.text)
        : words.some((word) => (term.prefix ? word.startsWith(term.word) : word === term.word)),
    ),
  )
}

test('colours are left out, and what is between white space is kept once and in lower case', () => {
  const log = Buffer.from('\u001b[1;32mMigrating\u001b[0m db/20110502_add.rb: 100%\nmigrating\n')
  expect(textsOf(log)).toEqual([
    {
      tokens: '100% db/20110502_add.rb: migrating',
      words: ['100', 'db', '20110502_add', 'rb', 'migrating'],
    },
  ])
})

test('parts of words, addresses, paths, error codes and text of any script are found', () => {
  const log = Buffer.from(
    'immigrating at 0x7fff5a03 in /srv/app/releases/42/config.yml: ORA-00942, 日本語エラー größer\n',
  )
  for (const search of ['migr', '0x7fff', 'app/releases/42', 'ORA-00942', '本語エ', 'RÖß', 'yml: ORA-009']) {
    expect({ search, found: isIn(log, search) }).toEqual({ search, found: true })
  }
  for (const search of ['app/releases/43', 'ora-00943', 'migrx', '語本']) {
    expect({ search, found: isIn(log, search) }).toEqual({ search, found: false })
  }
})

test('what is searched for in a token of any length is found', () => {
  const token = Array.from({ length: 60_000 }, (_, i) => i.toString(36)).join('.')
  const log = Buffer.from(token)
  const texts = textsOf(log)
  fc.assert(
    fc.property(fc.nat(token.length - 64), fc.integer({ min: 12, max: 64 }), (at, length) =>
      texts.some(({ tokens }) => tokens.includes(token.slice(at, at + length))),
    ),
  )
})

test('whatever stands between white space is found, whole and by words, among any other bytes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 30 }),
      fc.uint8Array(),
      (texts, bytes) => {
        const log = Buffer.concat([Buffer.from(texts.join(' ')), Buffer.from('\n'), bytes])
        for (const text of texts) {
          if (/[\p{Cc}\uFFFD*]/u.test(text)) continue
          expect(isIn(log, text)).toBe(true)
          expect(isIn(log, text, { parts: false })).toBe(true)
        }
      },
    ),
  )
})

test('a long piece is found by all that is in it, slice by slice', () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} of /srv/${i * 7919}/${i}.log\n`)
  const texts = textsOf(Buffer.from(lines.join('')))
  expect(texts.length).toBeGreaterThan(5)
  const tokens = new Set(texts.flatMap((text) => text.tokens.split(' ')))
  expect(lines.filter((_, i) => !tokens.has(`/srv/${i * 7919}/${i}.log`))).toEqual([])
  for (const text of texts) expect(text.tokens.length).toBeLessThan(9000)
})
