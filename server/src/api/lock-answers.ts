import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import type {
  AcquireLockResponse,
  CreateLeaseResponse,
  LockGrant,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import type { Standing } from '../domain/locks/acquire-lock.ts'
import { leaseName } from '../domain/locks/lease.ts'
import { holdEnd } from '../domain/locks/lock-table.ts'
import type { LeaseDraft, OpenedLease } from '../store/leases.ts'

export const grantedAnswer = (lock: Lock | undefined, revision: bigint): AcquireLockResponse => ({
  answer: { $case: 'granted', value: { lock, revision } },
})

export function lockGrant(lock: Lock | undefined, takenAt: Instant): LockGrant {
  if (lock === undefined) return { name: '', fencingToken: 0n, ledgerEpoch: 0n, heldFor: undefined }
  const { name, fencingToken, ledgerEpoch } = lock
  const until = holdEnd(lock)
  const heldFor = until === undefined ? undefined : durationOf(Math.max(0, Number((until - takenAt) / 1000n)))
  return { name, fencingToken, ledgerEpoch, heldFor }
}

export const queuedAnswer = ({ lock, place, blockers, totalBlockers }: Standing): AcquireLockResponse => ({
  answer: {
    $case: 'queued',
    value: {
      lock: lock?.name ?? '',
      place,
      blockers: [...blockers],
      totalBlockers,
    },
  },
})

export const leaseAnswer = (
  { id, ttlMs, owner }: LeaseDraft,
  { expiresAt, createdAt, principal }: OpenedLease,
  { locks, ledgerEpoch }: { locks: Lock[]; ledgerEpoch: bigint },
): CreateLeaseResponse => ({
  lease: {
    name: leaseName(id),
    ttl: durationOf(ttlMs),
    expireTime: timestampFromInstant(expiresAt),
    owner,
    principal,
    createTime: timestampFromInstant(createdAt),
  },
  locks,
  ledgerEpoch,
})

export const durationOf = (ms: number): { seconds: bigint; nanos: number } => ({
  seconds: BigInt(Math.floor(ms / 1000)),
  nanos: (ms % 1000) * 1_000_000,
})
