import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { type FieldViolation, refuseViolations } from '../domain/error.ts'
import { compileTimelineFilter } from '../domain/filter/timeline-filter.ts'
import { type Instant, instantFromTimestamp } from '../domain/instant.ts'
import { encodePageToken } from '../domain/page-token.ts'
import { timeViolation } from '../domain/rfc3339.ts'
import { listTimeline, TIMELINE_KEY_LENGTH } from '../store/list-timeline.ts'
import { readTimeViolations, resolveTimelinePoint } from '../store/read-point.ts'
import type { Store } from '../store/store.ts'
import { encodePage } from './encoded-page.ts'
import type { Handlers } from './handler.ts'
import { fingerprintOf, pageLimit, pageViolations, positionOf } from './page-request.ts'

/** Reads of what happened. */
export function timelineReads(store: Store): Pick<Handlers<typeof StateServiceService>, 'listTimeline'> {
  return {
    async listTimeline(request) {
      const { startTime, endTime, readTime, revision } = request
      refuseViolations([
        ...pageViolations(request),
        ...readTimeViolations(request),
        timeViolation('start_time', startTime),
        timeViolation('end_time', endTime),
        orderViolation(startTime, endTime),
      ])
      const filter = compileTimelineFilter(request.filter)
      const fingerprint = fingerprintOf('ListTimeline', request)
      // The token carries what the first page knew, so that later pages know no more.
      const position = positionOf(request, { fingerprint, keyLength: TIMELINE_KEY_LENGTH + 1 })
      const known =
        position === undefined
          ? await resolveTimelinePoint(store, request)
          : {
              recordedUntil: BigInt(position.key[TIMELINE_KEY_LENGTH]!) as Instant,
              revision: position.revision,
            }
      const { resources, next } = await listTimeline(store, {
        filter,
        start: startTime === undefined ? undefined : instantFromTimestamp(startTime),
        end: endTime === undefined ? undefined : instantFromTimestamp(endTime),
        known,
        after: position?.key.slice(0, TIMELINE_KEY_LENGTH),
        limit: pageLimit(request),
      })
      const page = { rows: resources, revision: known.revision }
      if (next === undefined) return encodePage({ ...page, nextPageToken: '' })
      const key = [...next, String(known.recordedUntil)]
      const now = readTime === undefined && revision === 0n
      const nextPageToken = encodePageToken(fingerprint, { revision: known.revision, now, key })
      return encodePage({ ...page, nextPageToken })
    },
  }
}

function orderViolation(
  start: Timestamp | undefined,
  end: Timestamp | undefined,
): FieldViolation | undefined {
  if (start === undefined || end === undefined) return undefined
  if (instantFromTimestamp(start) <= instantFromTimestamp(end)) return undefined
  return { field: 'start_time', description: 'must not be after end_time' }
}
