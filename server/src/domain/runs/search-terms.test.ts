import { expect, test } from 'vitest'
import { searchTerms } from './search-terms.ts'

test('a term is a part of what is written, or a whole word where it is too short for that', () => {
  expect(searchTerms('Disk-full /srv/app ok v2 a=b', { parts: true })).toEqual([
    { type: 'part', text: 'disk-full' },
    { type: 'part', text: '/srv/app' },
    ...['ok', 'v2', 'a', 'b'].map((word) => ({ type: 'word', word, prefix: false })),
  ])
})

test('a star at the end of a word stands for the rest of it', () => {
  expect(searchTerms('migrat* /srv/*', { parts: true })).toEqual([
    { type: 'word', word: 'migrat', prefix: true },
    { type: 'part', text: '/srv/' },
  ])
})

test('where there is no index of parts, terms are whole words', () => {
  expect(searchTerms('ORA-00942 migrat*', { parts: false })).toEqual([
    { type: 'word', word: 'ora', prefix: false },
    { type: 'word', word: '00942', prefix: false },
    { type: 'word', word: 'migrat', prefix: true },
  ])
})

test('what has no letter or digit in it is no term; a long one is searched for in parts', () => {
  expect(searchTerms('*** -- ::', { parts: true })).toEqual([])
  expect(
    searchTerms('x'.repeat(100), { parts: true }).map((term) => 'text' in term && term.text.length),
  ).toEqual([64, 36])
})
