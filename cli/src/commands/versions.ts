import { dateFromTimestamp } from '@holdfast/sdk'
import { VersionCell, VersionCell_Drift } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { freshnessWord } from '../output/freshness-word.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import { stateWord } from '../output/state-word.ts'
import type { Column } from '../output/table.ts'
import { shortened, type Tone } from '../output/terminal-text.ts'
import { allOf, quotedValue } from '../quoted-value.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** `holdfast versions`. */
export async function versions(
  context: CommandContext,
  service: string | undefined,
  flags: ListingFlags,
): Promise<undefined> {
  const holdfast = context.client()
  const ofService = service === undefined ? undefined : `service = ${quotedValue(shortName(service))}`
  const pages = holdfast
    .listVersions({
      ...(await listOptions(holdfast, flags)),
      filter: allOf(ofService, flags.filter),
    })
    .pages()
  const listing = {
    noun: 'versions',
    columns: COLUMNS,
    toJson: (cell: VersionCell) => VersionCell.toJSON(cell),
  }
  await printListing(context, pages, listing, flags.limit)
}

const now = new Date()

const COLUMNS: Column<VersionCell>[] = [
  { header: 'SERVICE', cell: (cell) => shortName(cell.service) },
  { header: 'ENVIRONMENT', cell: (cell) => cell.environment },
  { header: 'MACHINE', cell: (cell) => shortName(cell.machine) },
  { header: 'SLOT', when: (cell) => cell.slot !== 'main', cell: (cell) => cell.slot },
  { header: 'DECLARED', cell: (cell) => cell.declaredVersion },
  { header: 'DEPLOYED', cell: (cell) => cell.deployedVersion },
  { header: 'RUNNING', cell: (cell) => cell.runningVersion },
  { header: 'STATE', cell: (cell) => stateWord(cell.state) },
  {
    header: 'FRESHNESS',
    when: ({ freshness }) => freshness !== 0,
    cell: ({ freshness }) => freshnessWord(freshness),
  },
  { header: 'DRIFT', cell: driftWords },
  {
    header: 'SINCE',
    cell: ({ driftTime }) => relativeTime(driftTime && dateFromTimestamp(driftTime), now),
  },
  {
    header: 'BY',
    when: ({ deploymentId }) => deploymentId !== '',
    cell: ({ deploymentId }) => shortened(shortName(deploymentId), 40),
  },
]

/** How the versions stand to each other, in words; the last that is known, where nobody has reported since. */
export function driftWords(cell: Pick<VersionCell, 'drift' | 'stale'>): { text: string; tone: Tone } {
  const verdict = verdictWords(cell.drift)
  return cell.stale ? { text: `unknown, stale; last: ${verdict.text}`, tone: 'warning' } : verdict
}

function verdictWords(drift: VersionCell_Drift): { text: string; tone: Tone } {
  switch (drift) {
    case VersionCell_Drift.NONE:
      return { text: 'none', tone: 'good' }
    case VersionCell_Drift.BEHIND:
      return { text: 'behind what is declared', tone: 'warning' }
    case VersionCell_Drift.AHEAD:
      return { text: 'ahead of what is declared', tone: 'warning' }
    case VersionCell_Drift.UNRESTARTED:
      return { text: 'deployed, not restarted', tone: 'warning' }
    case VersionCell_Drift.UNDECLARED:
      return { text: 'nothing declared', tone: 'faint' }
    case VersionCell_Drift.UNCERTAIN:
      return { text: 'uncertain: a deploy was abandoned', tone: 'bad' }
    case VersionCell_Drift.MISSING:
      return { text: 'not running', tone: 'bad' }
    default:
      return { text: 'not known', tone: 'faint' }
  }
}
