import type { Basis } from '../../../proto/gen/holdfast/v1/service.ts'
import { type Instant, instantFromTimestamp, timestampFromInstant } from './instant.ts'

/** Where a report comes from, and when it counts from. */
export interface Origin {
  source: string
  epoch: number
  /** 0 when the source does not number its events. */
  seq: number
  /** The earlier of when it occurred and when it is recorded. */
  effectiveAt: Instant
  /** When it occurred, by its source's clock. */
  occurredAt: Instant
  principal: string
  /** Whether it fills a gap: a report with a higher number of the same numbering was there before it. */
  late: boolean
}

export const basisOf = (origin: Origin): Basis => ({
  source: origin.source,
  epoch: BigInt(origin.epoch),
  seq: BigInt(origin.seq),
  effectiveTime: timestampFromInstant(origin.effectiveAt),
})

/**
 * Whether a report is older than what the state rests on, and so must not overturn it. Reports of one
 * numbering source are in the order of their numbers, whatever the clock said; others in the order of time.
 */
export function isOlder(origin: Origin, basis: Basis | undefined, observedAt: Instant): boolean {
  if (basis === undefined) return false
  if (basis.source === origin.source && basis.seq !== 0n && origin.seq !== 0) {
    const epoch = BigInt(origin.epoch)
    const before = epoch === basis.epoch ? BigInt(origin.seq) < basis.seq : epoch < basis.epoch
    // What came before it may have agreed with the state, which moves the time and not the basis.
    return before || (origin.late && origin.effectiveAt < observedAt)
  }
  const restsOn = basis.effectiveTime === undefined ? observedAt : instantFromTimestamp(basis.effectiveTime)
  return origin.effectiveAt < (observedAt > restsOn ? observedAt : restsOn)
}
