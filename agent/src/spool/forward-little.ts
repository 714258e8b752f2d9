import { type QuickBatch, type QuickOutcome, type QuickWay, sendQuickly } from '@holdfast/sdk/quick-batch'
import { decodeEvent } from '@holdfast/sdk/spooled-event'
import type { Spool } from './spool.ts'

/** What is more goes in batches, with the whole client, and its segment is sealed on the way. */
const littleBytes = 64 * 1024

/**
 * Sends what waits in a spool, when it is as little as scripts leave behind on a day without trouble. `other` when it is
 * more, and when only the whole client can tell what is wrong: then a `Forwarder` does it.
 */
export async function forwardLittle(
  spool: Spool,
  way: QuickWay,
  options: { timeoutMs: number },
): Promise<QuickOutcome> {
  const [segment, ...more] = spool.segments()
  if (segment === undefined || segment.sealed || more.length > 0) return { kind: 'other' }
  if (spool.bytes >= littleBytes) return { kind: 'other' }
  const { events } = spool.read(segment)
  const acked = spool.acked(segment)
  let waiting: QuickBatch['events']
  try {
    waiting = events.slice(acked).map((event, index) => {
      const { id = '', payload, occurredAt } = decodeEvent(event)
      return { id, payload, seq: acked + index + 1, occurredMs: occurredAt?.getTime() ?? 0 }
    })
  } catch {
    // Of what this version does not know a forwarder tells, and puts it aside.
    return { kind: 'other' }
  }
  if (waiting.length === 0) return { kind: 'other' }
  const batch = { source: spool.sourceOf(segment), epoch: segment.epoch, events: waiting }
  const outcome = await sendQuickly(batch, way, options)
  if (outcome.kind === 'settled') spool.noteAcked(segment, events.length)
  return outcome
}
