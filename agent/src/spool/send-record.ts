import { EventRefusedError, type IngestStream, InvalidRequestError, type OutgoingEvent } from '@holdfast/sdk'
import { decodeEvent } from '@holdfast/sdk/spooled-event'

/**
 * Sends a record as the event that it is. Gives why it cannot be sent, ever, if so: a newer version may have kept what
 * this one does not know, or it is too large. Rejects as {@link IngestStream.send} does of all else.
 */
export async function sendRecord(
  stream: IngestStream,
  record: Uint8Array,
  { seq, signal }: { seq: number; signal?: AbortSignal },
): Promise<EventRefusedError | undefined> {
  const refusal = (detail: string, eventId = '') => {
    const metadata = { eventId, eventSeq: String(seq) }
    return new EventRefusedError(detail, { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', metadata })
  }
  let outgoing: OutgoingEvent
  try {
    outgoing = decodeEvent(record)
  } catch {
    return refusal('it is no event that this version knows')
  }
  try {
    await stream.send({ ...outgoing, seq }, { signal })
    return undefined
  } catch (error) {
    // That of a stream which the server ended for a bad request is told by its flush as well.
    if (error instanceof InvalidRequestError) return refusal(error.detail, outgoing.id)
    throw error
  }
}
