import { parseArgs } from 'node:util'

/** What every benchmark can be told on its command line. */
export interface BenchOptions {
  /** As given, for the page of results. */
  args: string[]
  /** Writes the section of RESULTS.md. */
  record: boolean
  /** One short run in place of three: shows that it works, and roughly what it gives. */
  quick: boolean
  /** How many times each figure is measured; the median counts. */
  runs: number
  /** Of `ingest`: how many to send in one go, watching the server's memory. Of `spool`: how many it holds (1 million). Of `runs`: how many runs. */
  events: number | undefined
  /** Of `fleet`: how many there are (10,000). */
  agents: number | undefined
  /** Of `runs`: how long each part goes on. Of `fleet` and `agent`: how long it is measured (120). Of `leases`: 300. */
  seconds: number | undefined
  /** Of `reads` and `runs`: a directory whose database is kept, and used again by the next run. */
  data: string | undefined
  /** Of `runs`: does this part only. */
  part: string | undefined
}

export function benchOptions(args = process.argv.slice(2)): BenchOptions {
  const { values } = parseArgs({
    args,
    options: {
      record: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      events: { type: 'string' },
      agents: { type: 'string' },
      seconds: { type: 'string' },
      data: { type: 'string' },
      part: { type: 'string' },
    },
  })
  return {
    args,
    record: values.record,
    quick: values.quick,
    runs: Number(values.runs ?? (values.quick ? 1 : 3)),
    events: values.events === undefined ? undefined : Number(values.events),
    agents: values.agents === undefined ? undefined : Number(values.agents),
    seconds: values.seconds === undefined ? undefined : Number(values.seconds),
    data: values.data,
    part: values.part,
  }
}
