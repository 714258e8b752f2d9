import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeCommit, describeMachine } from './machine.ts'
import { type ResultRow, withSection } from './results-page.ts'
import { median } from './sample.ts'

/** Named figures of one run, such as `{ perSecond, p50Ms }`. The first is the one that matters. */
export type Figures = Record<string, number>

export interface Target {
  /** What is compared, as a reader would say it. */
  what: string
  value: number
  /** @defaultValue × */
  unit?: 'ms' | 's' | '×' | '/s' | 'MB' | '% of a core' | 'machines' | 'leases'
  atLeast?: number
  atMost?: number
}

/** Collects what a benchmark finds: a JSON line a figure, a plain line a comparison, and the page of results. */
export class Report {
  readonly name: string
  readonly #command: string
  readonly #record: boolean
  readonly #rows: ResultRow[] = []
  readonly #verdicts: string[] = []

  constructor(name: string, { args, record }: { args: readonly string[]; record: boolean }) {
    this.name = name
    this.#command = ['npm run bench --', name, ...args.filter((arg) => arg !== '--record')].join(' ')
    this.#record = record
    console.log(`# ${name}: ${describeMachine()}, commit ${describeCommit()}`)
  }

  /** Measures `runs` times and reports the median of each figure, and the spread of the first. */
  async measure(what: string, runs: number, run: (turn: number) => Promise<Figures>): Promise<Figures> {
    const results: Figures[] = []
    for (let turn = 0; turn < runs; turn++) results.push(await run(turn))
    return this.figure(what, results)
  }

  /** Reports the median of figures that were measured already. */
  figure(what: string, results: Figures[]): Figures {
    const keys = Object.keys(results[0] ?? {})
    const medians = Object.fromEntries(
      keys.map((key) => [key, rounded(median(results.map((run) => run[key]!)))]),
    )
    const first = results.map((run) => run[keys[0]!]!)
    const spread = {
      min: rounded(Math.min(...first)),
      max: rounded(Math.max(...first)),
      runs: results.length,
    }
    console.log(JSON.stringify({ bench: this.name, what, ...medians, ...(results.length > 1 && spread) }))
    const values = keys.map((key) => shown(key, medians[key]!)).join(', ')
    const range =
      results.length > 1
        ? ` (${spread.min.toLocaleString('en')}–${spread.max.toLocaleString('en')} of ${spread.runs})`
        : ''
    this.#rows.push({ what, values: values + range })
    return medians
  }

  /** Compares a value with its target, in words. A missed target is said, and is no failure of the command. */
  verdict({ what, value, unit = '×', atLeast, atMost }: Target): void {
    const met = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)
    const target = atLeast === undefined ? `≤ ${rounded(atMost!)}` : `≥ ${rounded(atLeast)}`
    const space = unit === '/s' ? '' : ' '
    const line = `${what}: ${rounded(value).toLocaleString('en')}${space}${unit} (target ${target}${space}${unit}): ${met ? 'met' : 'MISSED'}`
    console.log(`${this.name}: ${line}`)
    this.#verdicts.push(line)
  }

  /** Writes the section of RESULTS.md, when `--record` was given. */
  save(): void {
    if (!this.#record) return
    const path = join(import.meta.dirname, '../RESULTS.md')
    const page = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const section = {
      name: this.name,
      machine: describeMachine(),
      date: new Date().toISOString().slice(0, 10),
      command: this.#command,
      commit: describeCommit(),
      rows: this.#rows,
      verdicts: this.#verdicts,
    }
    writeFileSync(path, withSection(page, section))
  }
}

function rounded(value: number): number {
  if (!Number.isFinite(value)) return value
  return Number(value.toFixed(value >= 1000 ? 0 : value >= 100 ? 1 : 2))
}

function shown(key: string, value: number): string {
  const text = value.toLocaleString('en')
  if (key === 'perSecond') return `${text}/s`
  const unit = /^(.*)(Ms|Mb|Bytes)$/.exec(key)
  if (unit === null) return `${text} ${words(key)}`
  return `${words(unit[1]!)} ${text} ${{ Ms: 'ms', Mb: 'MB', Bytes: 'bytes' }[unit[2]!]}`.trim()
}

function words(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
