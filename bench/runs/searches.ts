import type { Holdfast } from '@holdfast/sdk'
import { closedLoop, latencies } from '../harness/sample.ts'
import { storedRun } from './stored-runs.ts'

/** A list of runs that is measured: the newest page, or one further back. */
export interface Listing {
  what: string
  /** By the turn, so that not one row is asked again and again. */
  request: (turn: number) => { filter?: string; search?: string }
  atMostMs: number
}

/** Every filter that an index serves, and searches of what is in one log or in many. */
export function listings(count: number): Listing[] {
  const of = (turn: number) => storedRun((turn * 7919) % count)
  const filter = (what: string, text: (turn: number) => string): Listing => ({
    what: `the newest page by ${what}`,
    request: (turn) => ({ filter: text(turn) }),
    atMostMs: 20,
  })
  const search = (what: string, text: (turn: number) => string, more = ''): Listing => ({
    what: `a search for ${what}`,
    request: (turn) => ({ search: text(turn), filter: more }),
    atMostMs: 300,
  })
  return [
    filter('nothing', () => ''),
    filter('service', (turn) => `service = ${of(turn).service}`),
    filter('version', (turn) => `version = "${of(turn).version}"`),
    filter('environment', (turn) => `environment = ${of(turn).environment}`),
    filter('author', (turn) => `author = ${of(turn).author}`),
    filter('state', (turn) => `state = ${turn % 2 === 0 ? 'SUCCEEDED' : 'FAILED'}`),
    filter('kind', () => 'kind = DEPLOY'),
    filter('machine', (turn) => `machine = ${of(turn).machine}`),
    filter('label', (turn) => `labels.team = ${of(turn).labels.team}`),
    filter('start_time', () => `start_time > "2020-01-01T00:00:00Z"`),
    filter('state that there is none of', () => 'state = CANCELLED'),
    search('a rare word (words)', (turn) => `${of(turn).terms[0]}*`),
    search('a common word (words)', () => 'migrating*'),
    search('what is in 1 of 20 (words)', () => 'often_seen*'),
    search('what is in 1 of 200 (words)', () => 'sometimes_seen*'),
    search('a rare part (trigrams)', (turn) => of(turn).terms[0]!.slice(2)),
    search('a common part (trigrams)', () => 'igrat'),
    search('what is in 1 of 20 (trigrams)', () => 'ften_see'),
    search('what is in 1 of 200 (trigrams)', () => 'ometimes_see'),
    search('what is in 1 of 2,000 (trigrams)', () => 'eldom_see'),
    search('what is in none (trigrams)', (turn) => `rare_${turn}_wird`),
    search('a path (trigrams)', () => 'app/models/ba'),
    search(
      'a part of an address (trigrams)',
      (turn) => `0x7ff${(((turn + 1) * 2_654_435_761) % 2 ** 20).toString(16).padStart(5, '0')}`,
    ),
    search('a common and a rare one', (turn) => `migrating ${of(turn).terms[0]}`),
    search('a common part of one service', () => 'igrat', 'service = s7'),
  ]
}

/** Asks one at a time. */
export async function timeListing(holdfast: Holdfast, { request }: Listing, turns: number) {
  let rows = 0
  const { latenciesMs } = await closedLoop(
    async (_, turn) => {
      const page = await holdfast
        .listRuns({ ...request(turn), pageSize: 50 })
        .pages()
        .next()
      rows += page.done ? 0 : page.value.items.length
    },
    { turns },
  )
  return { ...latencies(latenciesMs), rows: rows / turns }
}
