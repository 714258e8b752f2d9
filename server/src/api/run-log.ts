import type { LogEntry } from '../../../proto/gen/holdfast/v1/run.ts'
import {
  type AppendRunLogRequest,
  type AppendRunLogResponse,
  type ReadRunLogRequest,
  ReadRunLogResponse,
} from '../../../proto/gen/holdfast/v1/run_service.ts'
import { encode } from '../../../runtime/encode.ts'
import { notFound, refuseViolations } from '../domain/error.ts'
import { runNameViolation } from '../domain/resource-name.ts'
import type { LogFeed } from '../ledger/log-feed.ts'
import type { LogWriter } from '../ledger/log-writer.ts'
import { messageParts } from '../ledger/message-parts.ts'
import { type LogHead, readLogEntries, readLogHead } from '../store/read-log.ts'
import type { Store } from '../store/store.ts'
import { type CallContext, Encoded } from './handler.ts'
import { entryViolations, offsetViolation } from './run-requests.ts'

/** Followers look by themselves as often as this, should a notification be lost. */
const LOOK_MS = 500

/** Appends each message as it comes, so that followers see it before the stream ends. */
export async function appendRunLog(
  logWriter: LogWriter,
  requests: AsyncIterable<AppendRunLogRequest>,
): Promise<AppendRunLogResponse> {
  let name = ''
  let size = 0n
  for await (const request of requests) {
    if (name === '') name = request.name
    const other = request.name !== '' && request.name !== name
    refuseViolations([
      runNameViolation('name', name),
      other
        ? { field: 'name', description: 'must be the same in all messages of a stream, or empty' }
        : undefined,
      ...entryViolations(request.entries),
    ])
    size = await logWriter.append(name, request.entries)
  }
  if (name === '') refuseViolations([runNameViolation('name', name)])
  return { size }
}

/** Reads a log from its store; following it, waits where it ends until its run has ended, too. */
export async function* readRunLog(
  { store, logFeed }: { store: Store; logFeed: LogFeed },
  { name, offset, tailBytes, follow }: ReadRunLogRequest,
  { signal }: CallContext,
): AsyncGenerator<Encoded> {
  refuseViolations([
    runNameViolation('name', name),
    offsetViolation('offset', offset),
    offset > 0n && tailBytes > 0n
      ? { field: 'tail_bytes', description: 'cannot be together with offset; send one of them' }
      : undefined,
  ])
  using follower = logFeed.follow(name, signal)
  let head = await logHeadOf(store, name)
  let reached = offset
  if (tailBytes > 0n && head.size > tailBytes) reached = head.size - tailBytes
  while (!signal.aborted) {
    const entries = await readLogEntries(store, head.runId, reached)
    const last = entries.at(-1)
    if (last !== undefined) {
      reached = endOf(last)
      for (const part of messageParts(entries, encodeEntries)) yield new Encoded(part)
    } else if (follow && head.open) {
      await follower.changed(LOOK_MS)
      // Before the entries: what was appended before the run ended is read after it was seen to have ended.
      head = await logHeadOf(store, name)
    } else {
      return
    }
  }
}

const endOf = ({ offset, data }: LogEntry): bigint => offset + BigInt(data.length)

const encodeEntries = (entries: readonly LogEntry[]): Buffer =>
  encode(ReadRunLogResponse, { entries: [...entries], nextOffset: endOf(entries.at(-1)!) })

/** How the log of a run stands. Throws NOT_FOUND. */
export async function logHeadOf(store: Store, name: string): Promise<LogHead> {
  const head = await readLogHead(store, name)
  if (head !== undefined) return head
  throw notFound(name, 'list the runs to see their names')
}
