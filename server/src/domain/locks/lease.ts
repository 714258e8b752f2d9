import { HoldfastError } from '../error.ts'
import type { Instant } from '../instant.ts'
import type { WorkingSet } from '../working-set.ts'

/** A lease as a batch sees it. */
export interface LeaseRow {
  /** The UUID in `leases/{id}`. */
  id: string
  /** SHA-256 of the client's secret, in hex. */
  secretHash: string
  ttlMs: number
  expiresAt: Instant
  /** False once its end is on record. */
  alive: boolean
  owner: string
  principal: string
}

/** Who speaks for a lease. */
export interface LeaseKey {
  id: string
  secretHash: string
}

export const leaseName = (id: string): string => `leases/${id}`

/** Whether a lease lives at the time of this batch. */
export const isLive = (lease: LeaseRow | undefined, now: Instant): boolean =>
  lease?.alive === true && lease.expiresAt > now

/** The lease of a caller. Throws LEASE_EXPIRED, or PERMISSION_DENIED for a wrong secret. */
export function requireLease(state: WorkingSet, { id, secretHash }: LeaseKey): LeaseRow {
  const lease = state.leases.get(id)
  if (lease !== undefined && lease.secretHash !== secretHash) throw wrongSecret(id)
  if (lease === undefined || !isLive(lease, state.now)) throw leaseExpired(id)
  return lease
}

export const leaseExpired = (id: string): HoldfastError =>
  new HoldfastError(
    'LEASE_EXPIRED',
    `${leaseName(id)} is not alive: it was never opened, was ended, or was not beaten within its TTL, and its locks have ended; open a new lease and acquire anew`,
    { metadata: { lease: leaseName(id) } },
  )

export const leaseOfOldEpoch = (id: string): HoldfastError =>
  new HoldfastError(
    'EPOCH_CHANGED',
    `${leaseName(id)} ended with its epoch: the database was restored or failed over, and cannot vouch for the locks under it; open a new lease and acquire anew`,
    { metadata: { lease: leaseName(id) } },
  )

export const wrongSecret = (id: string): HoldfastError =>
  new HoldfastError(
    'PERMISSION_DENIED',
    `the secret is not that of ${leaseName(id)}; only who opened a lease may use it. Others may force a release, with a reason`,
    { metadata: { lease: leaseName(id) } },
  )
