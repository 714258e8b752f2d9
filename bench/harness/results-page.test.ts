import { expect, test } from 'vitest'
import { type ResultSection, withSection } from './results-page.ts'

const section = (name: string, verdict: string): ResultSection => ({
  name,
  machine: '2 × a CPU',
  date: '2026-11-22',
  command: `npm run bench -- ${name}`,
  commit: 'abc',
  rows: [{ what: 'writes', values: '1/s' }],
  verdicts: [verdict],
})

test('a section replaces its last version and leaves the others', () => {
  const first = withSection(withSection('', section('watch', 'slow')), section('ingest', 'met'))
  expect(first.indexOf('## ingest')).toBeLessThan(first.indexOf('## watch'))
  const second = withSection(first, section('watch', 'fast'))
  expect(second).toContain('- fast')
  expect(second).not.toContain('- slow')
  expect(second).toContain('- met')
  expect(withSection(second, section('watch', 'fast'))).toBe(second)
})
