import type { Lock } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { decodeBody } from '../kind.ts'
import { RecentMap } from '../recent-map.ts'
import type { Row } from '../rows.ts'

/** Requests that have ended are known again for this many others: a retry is not a new request. */
const ENDED_REQUESTS = 50_000
/** And where several leases have used the same id, for this many of them. */
const LEASES_OF_ONE_ID = 1000

/**
 * The locks that ended last, by the request that asked for them; encoded, since so many of them as objects would keep the
 * garbage collector busy. Found by the request's id alone, a string that is at hand with its hash; only where several
 * leases have used the same id, also by lease.
 */
export class EndedRequests {
  readonly #bodies = new RecentMap<string, Buffer | RecentMap<string, Buffer>>(ENDED_REQUESTS)

  keep({ resource: { lease, requestId }, body }: Row<'lock'>): void {
    const before = this.#bodies.get(requestId)
    if (before === undefined) this.#bodies.set(requestId, body)
    else {
      const byLease = before instanceof RecentMap ? before : new RecentMap<string, Buffer>(LEASES_OF_ONE_ID)
      if (before !== byLease) byLease.set(lockIn(before as Buffer).lease, before as Buffer)
      byLease.set(lease, body)
      this.#bodies.set(requestId, byLease)
    }
  }

  find(lease: string, requestId: string): Lock | undefined {
    const bodies = this.#bodies.get(requestId)
    const body = bodies instanceof RecentMap ? bodies.get(lease) : bodies
    const lock = body && lockIn(body)
    return lock?.lease === lease ? lock : undefined
  }

  forget({ lease, requestId }: Lock): void {
    const bodies = this.#bodies.get(requestId)
    if (bodies instanceof RecentMap) bodies.delete(lease)
    else if (bodies !== undefined && lockIn(bodies).lease === lease) this.#bodies.delete(requestId)
  }
}

const lockIn = (body: Buffer): Lock => decodeBody('lock', body)
