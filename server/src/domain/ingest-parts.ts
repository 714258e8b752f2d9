import { HoldfastError } from './error.ts'
import { MAX_BATCH_EVENTS } from './event-validation.ts'
import { type IncomingEvent, rowsOf } from './incoming-event.ts'
import type { IngestRequest, IngestResult } from './ingest-batch.ts'

/** About the most rows of one transaction: as many as a batch of events has that are about one thing each. */
const MAX_PART_ROWS = MAX_BATCH_EVENTS

/**
 * A batch in parts, each for a transaction of its own. Nearly always one: but a deployment is about up to 1,000
 * machines, and hundreds of them in one transaction would keep every other writer waiting for seconds.
 */
export function partsOf(request: IngestRequest): IngestRequest[] {
  const parts: IngestRequest[] = []
  let begin = 0
  let rows = 0
  for (const [i, event] of request.events.entries()) {
    const more = rowsOf(event)
    if (i > begin && rows + more > MAX_PART_ROWS) {
      parts.push(slice(request, begin, i))
      begin = i
      rows = 0
    }
    rows += more
  }
  if (begin === 0) return [request]
  parts.push(slice(request, begin, request.events.length))
  return parts
}

/** Whether a batch of these events comes in several parts. */
export function needsParts(events: readonly IncomingEvent[]): boolean {
  let rows = 0
  for (const event of events) rows += rowsOf(event)
  return rows > MAX_PART_ROWS && events.length > 1
}

/** What became of the whole, of what became of each part, in order. */
export function resultOf(parts: readonly IngestRequest[], results: readonly IngestResult[]): IngestResult {
  const last = results.at(-1)!
  if (results.length === 1) return last
  if (results.some(({ ledgerEpoch }) => ledgerEpoch !== last.ledgerEpoch)) {
    const message = 'the database began a new epoch while the batch was written; send it again'
    throw new HoldfastError('STORE_UNAVAILABLE', message, { retryAfterMs: 0 })
  }
  let before = 0
  const whole: IngestResult = { ...last, accepted: 0, duplicates: 0, refused: [] }
  for (const [i, { accepted, duplicates, refused }] of results.entries()) {
    whole.accepted += accepted
    whole.duplicates += duplicates
    for (const refusal of refused) whole.refused.push({ ...refusal, index: before + refusal.index })
    before += parts[i]!.events.length
  }
  return whole
}

const slice = (request: IngestRequest, begin: number, end: number): IngestRequest => ({
  ...request,
  events: request.events.slice(begin, end),
  encoded: request.encoded.slice(begin, end),
})
