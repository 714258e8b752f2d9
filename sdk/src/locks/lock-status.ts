import type { Status } from '../../../proto/gen/google/rpc/status.ts'
import { detailsOfStatus } from '../error-details.ts'
import { codeNames, type HoldfastError, type HoldfastErrorOptions } from '../errors.ts'
import { errorOfStatus, type FailedStatus } from '../status.ts'
import { blockerText, decodeBlockers } from './blocker.ts'
import {
  AcquireTimedOutError,
  BlockedError,
  LeaseExpiredError,
  LockHeldError,
  RequestIdReusedError,
  StaleTokenError,
} from './lock-errors.ts'

const obstructed = {
  LOCK_HELD: LockHeldError,
  BLOCKED: BlockedError,
  ACQUIRE_TIMED_OUT: AcquireTimedOutError,
}

const plain: Record<string, new (detail: string, options: HoldfastErrorOptions) => HoldfastError> = {
  LEASE_EXPIRED: LeaseExpiredError,
  STALE_TOKEN: StaleTokenError,
  REQUEST_ID_REUSED: RequestIdReusedError,
}

const blockersType = 'holdfast.v1.Blockers'

/** The failed status of an answer in a message. */
export function failedStatusOf(status: Status): FailedStatus {
  return {
    code: codeNames[status.code] ?? 'UNKNOWN',
    text: status.message,
    details: detailsOfStatus(status),
  }
}

/** The typed error of a status about locks or holds: as {@link errorOfStatus}, and with what is in the way. */
export function errorOfLockStatus(status: FailedStatus, text: string = status.text): HoldfastError {
  const { reason = '', metadata, violations, retryAfterMs, others } = status.details
  const options = { code: status.code, reason, metadata, violations, retryAfterMs }
  if (Object.hasOwn(plain, reason)) return new plain[reason]!(text, options)
  if (!Object.hasOwn(obstructed, reason)) return errorOfStatus(status, text)
  const found = others.find(({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf('/') + 1) === blockersType)
  const { blockers, total } = found ? decodeBlockers(found.value) : { blockers: [], total: 0 }
  const more = total > blockers.length ? [`and ${total - blockers.length} more`] : []
  const lines = [text, ...blockers.map(blockerText), ...more]
  const type = obstructed[reason as keyof typeof obstructed]
  return new type(lines.join('\n'), { ...options, blockers, totalBlockers: total })
}
