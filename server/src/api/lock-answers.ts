import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import type {
  AcquireLockResponse,
  CreateLeaseResponse,
  LockGrant,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { timestampFromInstant } from '../domain/instant.ts'
import type { Standing } from '../domain/locks/acquire-lock.ts'
import { leaseName } from '../domain/locks/lease.ts'
import type { LeaseDraft, OpenedLease } from '../store/leases.ts'

const MAX_BLOCKERS = 100

export const grantedAnswer = (lock: Lock | undefined, revision: bigint): AcquireLockResponse => ({
  answer: { $case: 'granted', value: { lock, revision } },
})

export const lockGrant = (lock: Lock | undefined): LockGrant => ({
  name: lock?.name ?? '',
  fencingToken: lock?.fencingToken ?? 0n,
  ledgerEpoch: lock?.ledgerEpoch ?? 0n,
})

export const queuedAnswer = ({ lock, place, blockers }: Standing): AcquireLockResponse => ({
  answer: {
    $case: 'queued',
    value: {
      lock: lock?.name ?? '',
      place,
      blockers: blockers.slice(0, MAX_BLOCKERS),
      totalBlockers: blockers.length,
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
