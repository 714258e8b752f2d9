import { dateFromTimestamp } from '@holdfast/sdk'
import { Source } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { relativeTime } from '../output/relative-time.ts'
import type { Column } from '../output/table.ts'
import { pageSizeFor, printListing } from './listing.ts'

/** `holdfast sources`. */
export async function sources(context: CommandContext, flags: { limit?: number }): Promise<undefined> {
  const pages = context
    .client()
    .listSources({ pageSize: pageSizeFor(flags.limit) })
    .pages()
  const listing = {
    noun: 'sources',
    columns: columnsAt(new Date()),
    toJson: (source: Source) => Source.toJSON(source),
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Source>[] {
  return [
    { header: 'SOURCE', cell: ({ source }) => source },
    {
      header: 'LAST CONTACT',
      cell: ({ lastContactTime }) => relativeTime(lastContactTime && dateFromTimestamp(lastContactTime), now),
    },
    { header: 'EPOCH', cell: ({ numberings }) => numbered(numberings)?.epoch.toString() ?? '' },
    {
      header: 'RECEIVED UP TO',
      align: 'right',
      cell: ({ numberings }) => numbered(numberings)?.highWater.toString() ?? '',
    },
    { header: 'MISSING', cell: ({ numberings }) => ({ text: missing(numberings), tone: 'warning' }) },
  ]
}

/** The newest numbering, unless nothing in it is numbered, as from scripts. */
function numbered(numberings: Source['numberings']): Source['numberings'][number] | undefined {
  const newest = numberings[0]
  return newest?.highWater === 0n ? undefined : newest
}

/** The gaps of all numberings: `7-9, 12`; those of older epochs with the epoch before them. */
function missing(numberings: Source['numberings']): string {
  return numberings
    .flatMap(({ epoch, gaps }, index) =>
      gaps.map(({ first, last }) => {
        const range = first === last ? String(first) : `${first}-${last}`
        return index === 0 ? range : `${epoch}: ${range}`
      }),
    )
    .join(', ')
}
