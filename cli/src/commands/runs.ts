import { dateFromTimestamp } from '@holdfast/sdk'
import { Run } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { relativeTime } from '../output/relative-time.ts'
import { runKindWord, runStateWord } from '../output/run-words.ts'
import { shortName } from '../output/short-name.ts'
import type { Column } from '../output/table.ts'
import { shortened } from '../output/terminal-text.ts'
import { allOf, quotedValue } from '../quoted-value.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

export interface RunsFlags extends Omit<ListingFlags, 'orderBy'> {
  machine?: string
  state?: string
  search?: string
}

/** `holdfast runs`. */
export async function runs(
  context: CommandContext,
  service: string | undefined,
  flags: RunsFlags,
): Promise<undefined> {
  const holdfast = context.client()
  const asks = (field: string, value: string | undefined): string | undefined =>
    value === undefined ? undefined : `${field} = ${quotedValue(shortName(value))}`
  const pages = holdfast
    .listRuns({
      ...(await listOptions(holdfast, flags)),
      filter: allOf(
        allOf(asks('service', service), asks('machine', flags.machine)),
        allOf(asks('state', flags.state), flags.filter),
      ),
      search: flags.search,
    })
    .pages()
  const listing = { noun: 'runs', columns: COLUMNS, toJson: (run: Run) => Run.toJSON(run) }
  await printListing(context, pages, listing, flags.limit)
}

const now = new Date()

const COLUMNS: Column<Run>[] = [
  { header: 'RUN', cell: (run) => shortName(run.name) },
  { header: 'KIND', cell: (run) => runKindWord(run.kind) },
  { header: 'SERVICE', when: (run) => run.service !== '', cell: (run) => shortName(run.service) },
  { header: 'VERSION', when: (run) => run.version !== '', cell: (run) => run.version },
  { header: 'ENVIRONMENT', cell: (run) => run.environment },
  { header: 'TARGETS', when: (run) => run.machines.length > 0, cell: targetWords },
  { header: 'STATE', cell: (run) => runStateWord(run.state) },
  { header: 'BEGAN', cell: (run) => relativeTime(run.startTime && dateFromTimestamp(run.startTime), now) },
  { header: 'BY', cell: (run) => run.author },
  { header: 'TITLE', when: (run) => run.title !== '', cell: (run) => shortened(run.title, 60) },
]

function targetWords({ machines, targets }: Run): string {
  const shown = machines.slice(0, 2).map(shortName).join(', ')
  const more = (targets?.total ?? 0) - Math.min(machines.length, 2)
  return more > 0 ? `${shown} +${more}` : shown
}
