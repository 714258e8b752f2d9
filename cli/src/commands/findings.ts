import { dateFromTimestamp } from '@holdfast/sdk'
import { Finding, Finding_State } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { freshnessWord } from '../output/freshness-word.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Cell, Column } from '../output/table.ts'
import type { Tone } from '../output/terminal-text.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** `holdfast findings`. */
export async function findings(context: CommandContext, flags: ListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast.listFindings(await listOptions(holdfast, flags)).pages()
  const listing = {
    noun: 'findings',
    columns: findingColumns(new Date()),
    toJson: (finding: Finding) => Finding.toJSON(finding),
  }
  await printListing(context, pages, listing, flags.limit)
}

const TONES: Partial<Record<Finding['state'], Tone>> = {
  [Finding_State.UNDECIDED]: 'warning',
  [Finding_State.MONITORED]: 'good',
  [Finding_State.CHANGED]: 'warning',
  [Finding_State.VANISHED]: 'bad',
  [Finding_State.IGNORED]: 'faint',
  [Finding_State.WITHDRAWN]: 'faint',
}

/** Where a finding stands, in words. */
export function stateCell({ state, present }: Finding): Exclude<Cell, string> {
  const word = Object.entries(Finding_State).find(([, number]) => number === state)?.[0] ?? 'unknown'
  const absent = state === Finding_State.ENFORCED && !present
  return {
    text: absent ? 'enforced, absent' : word.toLowerCase(),
    tone: absent ? 'bad' : (TONES[state] ?? 'plain'),
  }
}

export function findingColumns(now: Date): Column<Finding>[] {
  return [
    { header: 'FINDING', cell: ({ name }) => shortName(name) },
    { header: 'STATE', cell: stateCell },
    { header: 'VERSION', cell: ({ version }) => version },
    { header: 'USER', cell: ({ process }) => process?.userName ?? '' },
    { header: 'PORTS', cell: ({ process }) => process?.listeningPorts.join(',') ?? '' },
    { header: 'EXECUTABLE', cell: ({ process }) => process?.executablePath || process?.executableName || '' },
    { header: 'RULE', cell: ({ rule }) => rule },
    {
      header: 'SINCE',
      cell: ({ stateTime }) => relativeTime(stateTime && dateFromTimestamp(stateTime), now),
    },
    {
      header: 'FRESHNESS',
      when: ({ freshness }) => freshness !== 0,
      cell: ({ freshness }) => freshnessWord(freshness),
    },
    {
      header: 'SEEN',
      cell: ({ observedTime }) => relativeTime(observedTime && dateFromTimestamp(observedTime), now),
    },
  ]
}
