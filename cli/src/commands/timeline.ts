import { dateFromTimestamp } from '@holdfast/sdk'
import { TimelineEntry } from '@holdfast/sdk/messages'
import type { PastPoint } from '../as-of.ts'
import type { CommandContext } from '../command-context.ts'
import { effectOf, eventText } from '../output/event-text.ts'
import { localTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Column } from '../output/table.ts'
import { resolvePast, resolveTime } from '../past.ts'
import { type ListingFlags, pageSizeFor, printListing } from './listing.ts'

/** What `timeline` takes. */
export interface TimelineFlags extends ListingFlags {
  since?: PastPoint
  until?: PastPoint
}

/** `holdfast timeline`. */
export async function timeline(context: CommandContext, flags: TimelineFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast
    .listTimeline({
      filter: flags.filter,
      start: await resolveTime(holdfast, flags.since, '--since'),
      end: await resolveTime(holdfast, flags.until, '--until'),
      asOf: await resolvePast(holdfast, flags.asOf),
      pageSize: pageSizeFor(flags.limit),
    })
    .pages()
  const listing = {
    noun: 'entries',
    columns: COLUMNS,
    toJson: (entry: TimelineEntry) => TimelineEntry.toJSON(entry),
  }
  await printListing(context, pages, listing, flags.limit)
}

const COLUMNS: Column<TimelineEntry>[] = [
  {
    header: 'TIME',
    cell: ({ event }) =>
      event?.occurredTime === undefined ? '' : localTime(dateFromTimestamp(event.occurredTime)),
  },
  { header: 'REVISION', cell: (entry) => (entry.revision === 0n ? '' : `r${entry.revision}`) },
  { header: 'MACHINE', cell: (entry) => shortName(entry.machine) },
  { header: 'WHAT', cell: eventText },
  { header: 'SOURCE', cell: (entry) => ({ text: whoSays(entry), tone: 'faint' }) },
  { header: 'CHANGED', cell: effectOf },
]

/** The source, and who did it if that was told. */
function whoSays({ source, author }: TimelineEntry): string {
  return author === '' || author.startsWith('anonymous') ? source : `${source} (${author})`
}
