import { RelayJournal, relayDirOf } from '@holdfast/agent/relay'
import { dataDirOf } from '@holdfast/agent/spool'
import { summaryOfBatch } from '@holdfast/sdk/relayed-batch'
import type { CommandContext } from '../command-context.ts'
import { printAnswer } from '../output/answer.ts'
import { byteSize } from '../output/byte-size.ts'
import { relativeTime } from '../output/relative-time.ts'
import { printable } from '../output/terminal-text.ts'

/** What waits of one source. */
interface Waiting {
  source: string
  reports: number
  /** When the oldest of them happened, RFC 3339. */
  since: string | undefined
}

/** `holdfast relay status`: from the relay's disk, whether it runs or not. */
export async function relayStatus(context: CommandContext): Promise<undefined> {
  const journal = new RelayJournal(relayDirOf(dataDirOf(context.env)))
  const waiting = waitingIn(journal)
  const refused = journal.refused().map(({ source, reason, message }) => ({ source, reason, message }))
  const status = { directory: journal.directory, bytes: journal.bytes, waiting, refused }
  const reports = waiting.reduce((sum, one) => sum + one.reports, 0)
  const lines = [
    `directory  ${status.directory}`,
    `waiting    ${reports}`,
    `size       ${byteSize(status.bytes) || '0 B'}`,
    ...waiting.map(
      ({ source, since, reports }) =>
        `of         ${source}: ${reports}${since === undefined ? '' : `, the oldest ${relativeTime(new Date(since), new Date())}`}`,
    ),
    ...refused.map(({ source, reason, message }) => `refused    ${source}: ${reason}: ${message}`),
  ]
  await printAnswer(context, lines.map(printable).join('\n'), [status])
}

/** By source, the one that waits longest first. */
function waitingIn(journal: RelayJournal): Waiting[] {
  const bySource = new Map<string, Waiting>()
  for (const segment of journal.segments()) {
    for (const batch of journal.read(segment).events.slice(journal.acked(segment))) {
      const { source, events, firstOccurredAt } = summaryOfBatch(batch)
      const one = bySource.get(source) ?? { source, reports: 0, since: undefined }
      const at = firstOccurredAt?.toISOString()
      const since = one.since === undefined || (at !== undefined && at < one.since) ? at : one.since
      bySource.set(source, { source, reports: one.reports + events, since })
    }
  }
  return [...bySource.values()].sort((a, b) => ((a.since ?? '') < (b.since ?? '') ? -1 : 1))
}
