import type { HoldServiceService } from '../../../proto/gen/holdfast/v1/hold_service.ts'
import { type FieldViolation, refuseViolations } from '../domain/error.ts'
import { whenViolation } from '../domain/locks/attempt.ts'
import { RevokeCondition, SatisfyCondition } from '../domain/locks/conditions.ts'
import { AmendHold, LiftHold, PlaceHold } from '../domain/locks/holds.ts'
import { normalScope, scopeViolations } from '../domain/locks/scope.ts'
import {
  proseViolation,
  REASON,
  REASON_REQUIRED,
  textViolation,
  wordViolation,
} from '../domain/resource-name.ts'
import { timeViolation } from '../domain/rfc3339.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { listPage } from './list-request.ts'
import { issuedNameViolation, REQUEST_ID } from './lock-request.ts'
import { namedResource } from './named-resource.ts'

const MAX_ALLOWS = 64

/** HoldService: holds and conditions. */
export function holdService({
  ledger,
  store,
}: {
  ledger: Ledger
  store: Store
}): Handlers<typeof HoldServiceService> {
  return {
    async placeHold(request, { principal, signal }) {
      const { scope, reason, untilTime, untilCondition, when, allows, requestId } = request
      refuseViolations([
        ...scopeViolations('scope', scope),
        proseViolation('reason', reason, REASON_REQUIRED),
        timeViolation('until_time', untilTime),
        untilTime !== undefined && untilCondition !== ''
          ? { field: 'until_time', description: 'cannot be together with until_condition; put up two holds' }
          : undefined,
        untilCondition === '' ? undefined : wordViolation('until_condition', untilCondition),
        whenViolation('when', when),
        ...allowsViolations(allows),
        requestId === '' ? undefined : wordViolation('request_id', requestId, REQUEST_ID),
      ])
      const draft = { scope: normalScope(scope!), reason, untilTime, untilCondition, when, allows, requestId }
      return ledger.submit(new PlaceHold(draft, principal), signal)
    },

    async amendHold(request, { principal, signal }) {
      const { name, etag, reason, until, when, allows, clearAllows } = request
      const untilCondition = until?.$case === 'untilCondition' ? until.value : ''
      const untilTime = until?.$case === 'untilTime' ? until.value : undefined
      refuseViolations([
        issuedNameViolation('name', 'holds', name),
        proseViolation('reason', reason, REASON),
        timeViolation('until_time', untilTime),
        until?.$case === 'untilCondition' ? wordViolation('until_condition', untilCondition) : undefined,
        until?.$case === 'untilLifted' && !until.value
          ? { field: 'until_lifted', description: 'must be true where it is given' }
          : undefined,
        when === undefined ? undefined : whenViolation('when', when),
        ...allowsViolations(allows),
        clearAllows && allows.length > 0
          ? { field: 'clear_allows', description: 'cannot be together with allows' }
          : undefined,
      ])
      const amendment = {
        name,
        etag,
        reason: reason === '' ? undefined : reason,
        until: until === undefined ? undefined : { untilTime, untilCondition },
        when,
        allows: allows.length > 0 || clearAllows ? allows : undefined,
      }
      return ledger.submit(new AmendHold(amendment, principal), signal)
    },

    async liftHold(request, { principal, signal }) {
      refuseViolations([
        issuedNameViolation('name', 'holds', request.name),
        proseViolation('reason', request.reason, REASON),
      ])
      return ledger.submit(new LiftHold(request, principal), signal)
    },

    async getHold(request) {
      refuseViolations([issuedNameViolation('name', 'holds', request.name)])
      const { resource: hold, at } = await namedResource(store, 'hold', request)
      return { hold, revision: at.revision }
    },

    async listHolds(request) {
      const { scope } = request
      refuseViolations(scope === undefined ? [] : scopeViolations('scope', scope))
      return listPage(store, request, {
        method: 'ListHolds',
        kind: 'hold',
        overlapping: scope === undefined ? undefined : normalScope(scope),
      })
    },

    async satisfyCondition({ condition, reason }, { principal, signal }) {
      refuseViolations([wordViolation('condition', condition), proseViolation('reason', reason, REASON)])
      return ledger.submit(new SatisfyCondition({ condition, reason, principal }), signal)
    },

    async revokeCondition({ condition, reason }, { principal, signal }) {
      refuseViolations([
        wordViolation('condition', condition),
        proseViolation('reason', reason, REASON_REQUIRED),
      ])
      return ledger.submit(new RevokeCondition({ condition, reason, principal }), signal)
    },

    listConditions: (request) => listPage(store, request, { method: 'ListConditions', kind: 'condition' }),
  }
}

function allowsViolations(allows: readonly string[]): (FieldViolation | undefined)[] {
  if (allows.length > MAX_ALLOWS) {
    return [{ field: 'allows', description: `must be at most ${MAX_ALLOWS}; got ${allows.length}` }]
  }
  return allows.map((principal, i) =>
    textViolation(`allows[${i}]`, principal, { minBytes: 1, maxBytes: 256 }),
  )
}
