import type { Status } from '../../../proto/gen/google/rpc/status.ts'
import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import type {
  CreateLeaseRequest,
  CreateLeaseResponse,
  KeepAliveRequest,
  KeepAliveResponse,
  LeaseBeat,
  LeaseBeatResult,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type HoldfastError, refuseViolations } from '../domain/error.ts'
import { DescribeLease } from '../domain/locks/describe-lease.ts'
import { leaseExpired, leaseOfOldEpoch } from '../domain/locks/lease.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { durationOf, leaseAnswer } from './lock-answers.ts'
import { hashOf, leaseDraft, leaseViolation } from './lock-request.ts'

const MAX_BEATS = 1000

/** What is asked of leases, alone or in a session. */
export class LeaseCalls {
  readonly #ledger: Ledger
  readonly #rpcStatus: (error: HoldfastError) => Status

  constructor(ledger: Ledger, rpcStatus: (error: HoldfastError) => Status) {
    this.#ledger = ledger
    this.#rpcStatus = rpcStatus
  }

  /** Opens a lease or comes back to it. */
  async create(request: CreateLeaseRequest, principal: string): Promise<CreateLeaseResponse> {
    const draft = leaseDraft(request, principal)
    const opened = await this.#ledger.leases.open(draft)
    if (opened === undefined) throw await this.#endOf(draft.id)
    const locks: Lock[] = opened.isNew ? [] : await this.#ledger.submit(new DescribeLease(draft.id))
    return leaseAnswer(draft, opened, { locks, ledgerEpoch: opened.epoch })
  }

  async keepAlive({ beats }: KeepAliveRequest): Promise<KeepAliveResponse> {
    if (beats.length > MAX_BEATS) {
      refuseViolations([{ field: 'beats', description: `must be at most ${MAX_BEATS}; got ${beats.length}` }])
    }
    return { results: await Promise.all(beats.map((beat) => this.#beat(beat))) }
  }

  async #beat({ lease, secret }: LeaseBeat): Promise<LeaseBeatResult> {
    refuseViolations([leaseViolation('lease', lease)])
    const id = lease.slice('leases/'.length).toLowerCase()
    const ttlMs = await this.#ledger.leases.beat({ id, secretHash: hashOf(secret) })
    if (ttlMs !== undefined) return { lease, ttl: durationOf(ttlMs), error: undefined }
    return { lease, ttl: undefined, error: this.#rpcStatus(await this.#endOf(id)) }
  }

  async #endOf(id: string): Promise<HoldfastError> {
    return (await this.#ledger.leases.isOfOldEpoch(id)) ? leaseOfOldEpoch(id) : leaseExpired(id)
  }
}
