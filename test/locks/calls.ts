import {
  AmendHoldRequest,
  type AmendHoldResponse,
  LiftHoldRequest,
  type LiftHoldResponse,
  PlaceHoldRequest,
  type PlaceHoldResponse,
} from '../../proto/gen/holdfast/v1/hold_service.ts'
import type {
  ForceReleaseLockResponse,
  GetLockResponse,
  LockGrant,
  RequestReleaseResponse,
  VerifyFenceResponse,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import type { Clients } from '../harness/clients.ts'
import { called } from '../watch/reports.ts'

/** Unary calls on locks and holds, as functions of the fields that matter. */
export function lockCallsOf({ locks, holds }: Clients) {
  return {
    force: ({ name, fencingToken }: Pick<LockGrant, 'name' | 'fencingToken'>, reason: string) =>
      called<ForceReleaseLockResponse>((done) =>
        locks.forceReleaseLock({ name, fencingToken, reason }, done),
      ),
    requestRelease: ({ name }: LockGrant, reason: string) =>
      called<RequestReleaseResponse>((done) => locks.requestRelease({ name, reason }, done)),
    verifyFence: ({ name: lock, ledgerEpoch, fencingToken }: LockGrant) =>
      called<VerifyFenceResponse>((done) => locks.verifyFence({ lock, ledgerEpoch, fencingToken }, done)),
    getLock: async (name: string) => {
      const request = { name, readTime: undefined, revision: 0n }
      return (await called<GetLockResponse>((done) => locks.getLock(request, done))).lock!
    },
    placeHold: (fields: Partial<PlaceHoldRequest>) =>
      called<PlaceHoldResponse>((done) => holds.placeHold(PlaceHoldRequest.fromPartial(fields), done)),
    amendHold: (fields: Partial<AmendHoldRequest>) =>
      called<AmendHoldResponse>((done) => holds.amendHold(AmendHoldRequest.fromPartial(fields), done)),
    liftHold: (fields: Partial<LiftHoldRequest>) =>
      called<LiftHoldResponse>((done) => holds.liftHold(LiftHoldRequest.fromPartial(fields), done)),
  }
}
