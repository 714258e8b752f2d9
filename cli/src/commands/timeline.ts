import { dateFromTimestamp, type Holdfast, type Page, revision } from '@holdfast/sdk'
import { TimelineEntry } from '@holdfast/sdk/messages'
import type { PastPoint } from '../as-of.ts'
import type { CommandContext } from '../command-context.ts'
import { effectOf, eventText } from '../output/event-text.ts'
import { localTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Column } from '../output/table.ts'
import { resolveTime } from '../past.ts'
import { type ListingFlags, pageSizeFor, printListing } from './listing.ts'

/** What `timeline` takes. */
export interface TimelineFlags extends ListingFlags {
  since?: PastPoint
  until?: PastPoint
}

/** `holdfast timeline`. */
export async function timeline(context: CommandContext, flags: TimelineFlags): Promise<undefined> {
  const holdfast = context.client()
  const { asOf } = flags
  const last = asOf?.kind === 'revision' ? asOf.revision : undefined
  const pages = holdfast
    .listTimeline({
      filter: flags.filter,
      start: await resolveTime(holdfast, flags.since, '--since'),
      end: await resolveTime(holdfast, flags.until, '--until'),
      asOf: last === undefined ? await resolveTime(holdfast, asOf, '--as-of') : await endOf(holdfast, last),
      pageSize: pageSizeFor(flags.limit),
    })
    .pages()
  const listing = {
    noun: 'entries',
    columns: COLUMNS,
    toJson: (entry: TimelineEntry) => TimelineEntry.toJSON(entry),
  }
  await printListing(context, last === undefined ? pages : upTo(last, pages), listing, flags.limit)
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

/**
 * Until when a revision was the last one: when the next was committed, rounded up to the millisecond, since the timeline
 * is read by time, and times of this program end there. Undefined while it is the last one.
 */
async function endOf(holdfast: Holdfast, wanted: bigint): Promise<Date | undefined> {
  const { ledgerEpoch, headRevision } = await holdfast.getServerInfo()
  if (wanted === headRevision) return undefined
  // Refused, with the reason, when the revision is too old or is not there yet.
  const resume = { ledgerEpoch, revision: revision(wanted), snapshotCursor: '' }
  for await (const step of holdfast.watchState({ resume })) {
    if (step.type === 'change') return new Date(step.commitTime.getTime() + 1)
    // It came after the question for the last one.
    if (step.type === 'progress') return undefined
  }
  throw new Error('the watch ended')
}

/** Leaves out what later revisions made before that. */
async function* upTo(
  last: bigint,
  pages: AsyncIterable<Page<TimelineEntry>>,
): AsyncGenerator<Page<TimelineEntry>> {
  for await (const page of pages)
    yield { ...page, items: page.items.filter((entry) => entry.revision <= last) }
}
