import type { Status } from '../../../proto/gen/google/rpc/status.ts'
import { Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { AcquireLockResponse, LockServiceService } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type HoldfastError, refuseViolations } from '../domain/error.ts'
import { AcquireLock, type Standing } from '../domain/locks/acquire-lock.ts'
import { RevokeLease } from '../domain/locks/end-leases.ts'
import { ForceReleaseLock, ReleaseLock, RequestRelease, staleToken } from '../domain/locks/release-lock.ts'
import { normalScope, scopeViolations } from '../domain/locks/scope.ts'
import { idOf, proseViolation, REASON_REQUIRED } from '../domain/resource-name.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { isLeaseLive } from '../store/leases.ts'
import type { Store } from '../store/store.ts'
import { answersInOrder } from './answers-in-order.ts'
import type { Handlers } from './handler.ts'
import { LeaseCalls } from './lease-calls.ts'
import { listPage } from './list-request.ts'
import { grantedAnswer, queuedAnswer } from './lock-answers.ts'
import { acquisition, issuedNameViolation, leaseKey, leaseViolation } from './lock-request.ts'
import { LockSession } from './lock-session.ts'
import { LockWaits } from './lock-waits.ts'
import { namedResource } from './named-resource.ts'

/** The most messages of one stream of heartbeats that are under way at once; those behind them wait in the client. */
const MAX_KEEP_ALIVES = 100

export interface LockServiceOptions {
  ledger: Ledger
  store: Store
  rpcStatus: (error: HoldfastError) => Status
  /** Who may go through holds. */
  overriders: readonly string[]
}

/** LockService: the unary calls and the session reach the same commands. */
export function lockService(options: LockServiceOptions): Handlers<typeof LockServiceService> {
  const { ledger, store, rpcStatus, overriders } = options
  const leases = new LeaseCalls(ledger, rpcStatus)
  const waits = new LockWaits(ledger, store)
  const mayOverride = (principal: string): boolean => overriders.includes(principal)
  return {
    session: (requests, context) =>
      new LockSession({ ledger, leases, waits, rpcStatus, mayOverride }, context).run(requests),

    createLease: (request, { principal }) => leases.create(request, principal),

    keepAlive: (requests) =>
      answersInOrder(requests, (request) => leases.keepAlive(request), MAX_KEEP_ALIVES),

    async revokeLease({ lease, leaseSecret }, { principal, signal }) {
      refuseViolations([leaseViolation('lease', lease)])
      return ledger.submit(new RevokeLease(leaseKey(lease, leaseSecret), principal), signal)
    },

    async *acquireLock(request, { principal, signal }) {
      refuseViolations([request.validateOnly ? undefined : leaseViolation('lease', request.lease)])
      const lease = request.validateOnly ? undefined : leaseKey(request.lease, request.leaseSecret)
      const wanted = acquisition(request, { lease, principal, mayOverride: mayOverride(principal) })
      const standing = await ledger.submit(new AcquireLock(wanted), signal)
      if (standing.granted) yield grantedAnswer(standing.lock, standing.revision)
      else if (standing.lock === undefined) yield queuedAnswer(standing)
      else yield* whileWaiting(standing, (onQueued) => waits.granted({ wanted, standing, onQueued }, signal))
    },

    async releaseLock({ name, fencingToken, lease, leaseSecret }, { principal, signal }) {
      refuseViolations([issuedNameViolation('name', 'locks', name), leaseViolation('lease', lease)])
      const claim = { name, fencingToken, lease: leaseKey(lease, leaseSecret), principal }
      return ledger.submit(new ReleaseLock(claim), signal)
    },

    async forceReleaseLock({ name, fencingToken, reason }, { principal, signal }) {
      refuseViolations([
        issuedNameViolation('name', 'locks', name),
        proseViolation('reason', reason, REASON_REQUIRED),
      ])
      return ledger.submit(new ForceReleaseLock({ name, fencingToken, reason, principal }), signal)
    },

    async requestRelease({ name, reason }, { principal, signal }) {
      refuseViolations([
        issuedNameViolation('name', 'locks', name),
        proseViolation('reason', reason, REASON_REQUIRED),
      ])
      return ledger.submit(new RequestRelease(name, { requestedBy: principal, reason }), signal)
    },

    async getLock(request) {
      refuseViolations([issuedNameViolation('name', 'locks', request.name)])
      const { resource: lock, at } = await namedResource(store, 'lock', request)
      return { lock, revision: at.revision }
    },

    async listLocks(request) {
      const { scope } = request
      refuseViolations(scope === undefined ? [] : scopeViolations('scope', scope))
      return listPage(store, request, {
        method: 'ListLocks',
        kind: 'lock',
        overlapping: scope === undefined ? undefined : normalScope(scope),
      })
    },

    async verifyFence({ lock: name, ledgerEpoch, fencingToken }) {
      refuseViolations([issuedNameViolation('lock', 'locks', name)])
      const { resource: lock, at } = await namedResource(store, 'lock', {
        name,
        readTime: undefined,
        revision: 0n,
      })
      const good =
        lock.state === Lock_State.HELD &&
        lock.fencingToken === fencingToken &&
        lock.ledgerEpoch === ledgerEpoch &&
        (await isLeaseLive(store, idOf(lock.lease), ledgerEpoch))
      if (!good) throw staleToken(lock, fencingToken)
      return { lock, revision: at.revision }
    },
  }
}

/** What a stream is told until the grant: the newest place only, should it read slowly. */
async function* whileWaiting(
  first: Standing,
  wait: (onQueued: (standing: Standing) => void) => ReturnType<LockWaits['granted']>,
): AsyncGenerator<AcquireLockResponse> {
  let news = first.lock!.state === Lock_State.WAITING ? first : undefined
  let wake: (() => void) | undefined
  const granted = wait((standing) => {
    news = standing
    wake?.()
  })
  granted.then(
    () => wake?.(),
    () => wake?.(),
  )
  let settled = false
  const done = granted.finally(() => {
    settled = true
  })
  done.catch(() => {})
  for (;;) {
    if (news !== undefined) {
      const standing: Standing = news
      news = undefined
      yield queuedAnswer(standing)
    } else if (settled) {
      const lock = await done
      yield grantedAnswer(lock, lock.revision)
      return
    } else {
      await Promise.race([
        done.then(
          () => {},
          () => {},
        ),
        new Promise<void>((resolve) => {
          wake = resolve
        }),
      ])
    }
  }
}
