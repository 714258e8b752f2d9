import { Freshness } from '@holdfast/sdk/messages'
import type { Cell } from './table.ts'

/** How fresh a report is, as a word; empty when nobody said how often there are some. */
export function freshnessWord(freshness: Freshness): Cell {
  switch (freshness) {
    case Freshness.FRESH:
      return { text: 'fresh', tone: 'good' }
    case Freshness.LATE:
      return { text: 'late', tone: 'warning' }
    case Freshness.SILENT:
      return { text: 'silent', tone: 'bad' }
    default:
      return ''
  }
}
