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
}

export const basisOf = (origin: Origin): Basis => ({
  source: origin.source,
  epoch: BigInt(origin.epoch),
  seq: BigInt(origin.seq),
  effectiveTime: timestampFromInstant(origin.effectiveAt),
})

/**
 * Whether a report is older than what the state rests on, and so must not overturn it. Reports of one
 * numbering source are in the order of their numbers, also when its clock was set back; others in the order of
 * time. Either way a later report that only agreed with the state, and so left its time but no number, counts.
 */
export function isOlder(origin: Origin, basis: Basis | undefined, observedAt: Instant): boolean {
  if (basis === undefined) return false
  const restsOn = basis.effectiveTime === undefined ? observedAt : instantFromTimestamp(basis.effectiveTime)
  if (basis.source === origin.source && basis.seq !== 0n && origin.seq !== 0) {
    const epoch = BigInt(origin.epoch)
    if (epoch === basis.epoch ? BigInt(origin.seq) < basis.seq : epoch < basis.epoch) return true
    if (origin.effectiveAt < restsOn) return false
  }
  return origin.effectiveAt < (observedAt > restsOn ? observedAt : restsOn)
}
