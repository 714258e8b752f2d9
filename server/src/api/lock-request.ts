import { createHash } from 'node:crypto'
import type { Duration } from '../../../proto/gen/google/protobuf/duration.ts'
import { Lock_Mode } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { AcquireLockRequest, CreateLeaseRequest } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type FieldViolation, refuseViolations } from '../domain/error.ts'
import { DAY_MS } from '../domain/instant.ts'
import type { Acquisition } from '../domain/locks/acquire-lock.ts'
import type { LeaseKey } from '../domain/locks/lease.ts'
import { normalScope, scopeViolations } from '../domain/locks/scope.ts'
import { proseViolation, REASON, textViolation, wordViolation } from '../domain/resource-name.ts'
import type { LeaseDraft } from '../store/leases.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** The id of a request. */
export const REQUEST_ID = { maxBytes: 64 }
/** The most scopes, requirements and attributes of one request. */
const MAX = { scopes: 64, requires: 16, attributes: 16 } as const

/** Who speaks for a lease: what is kept of the secret is its hash. */
export const leaseKey = (lease: string, secret: Uint8Array): LeaseKey => ({
  id: leaseId(lease),
  secretHash: hashOf(secret).toString('hex'),
})

export const hashOf = (secret: Uint8Array): Buffer => createHash('sha256').update(secret).digest()

const leaseId = (name: string): string => name.slice('leases/'.length).toLowerCase()

export function leaseViolation(field: string, lease: string): FieldViolation | undefined {
  if (lease.startsWith('leases/') && UUID.test(lease.slice('leases/'.length))) return undefined
  return { field, description: 'must be leases/{id}, the id being the UUID that the lease was opened with' }
}

/** `locks/{id}` or `holds/{id}`, as the server gives them. */
export function issuedNameViolation(
  field: string,
  collection: 'locks' | 'holds',
  name: string,
): FieldViolation | undefined {
  if (new RegExp(`^${collection}/[0-9a-z]{1,16}$`).test(name)) return undefined
  return { field, description: `must be ${collection}/{id}, as the server gave it` }
}

/** A lease to open. Throws INVALID_REQUEST. */
export function leaseDraft(request: CreateLeaseRequest, principal: string): LeaseDraft {
  const { leaseId: id, secret, ttl, owner } = request
  refuseViolations([
    UUID.test(id) ? undefined : { field: 'lease_id', description: 'must be a UUID in its 36-character form' },
    secret.length >= 16 && secret.length <= 64
      ? undefined
      : { field: 'secret', description: `must be 16 to 64 bytes; got ${secret.length}` },
    durationViolation('ttl', ttl, { from: 1000, to: DAY_MS, required: true }),
    textViolation('owner', owner, { maxBytes: 256 }),
  ])
  return { id: id.toLowerCase(), secretHash: hashOf(secret), ttlMs: millis(ttl), owner, principal }
}

/** What a request asks for. Throws INVALID_REQUEST with everything that is wrong with it. */
export function acquisition(
  request: AcquireLockRequest,
  { lease, principal, mayOverride }: { lease: LeaseKey | undefined; principal: string; mayOverride: boolean },
): Acquisition {
  const { scopes, wait, maxHold, lockDelay, reason, attributes, requires, requestId, validateOnly } = request
  const entries = Object.entries(attributes)
  refuseViolations([
    validateOnly ? undefined : wordViolation('request_id', requestId, REQUEST_ID),
    ...(scopes.length === 0 || scopes.length > MAX.scopes
      ? [{ field: 'scopes', description: `must be 1 to ${MAX.scopes}; got ${scopes.length}` }]
      : scopes.flatMap((scope, i) => scopeViolations(`scopes[${i}]`, scope))),
    request.mode >= 0 && request.mode <= Lock_Mode.SHARED
      ? undefined
      : { field: 'mode', description: 'must be EXCLUSIVE or SHARED' },
    durationViolation('wait', wait, { from: 0, to: DAY_MS }),
    durationViolation('max_hold', maxHold, { from: 1000, to: 30 * DAY_MS }),
    durationViolation('lock_delay', lockDelay, { from: 0, to: 60_000 }),
    proseViolation('reason', reason, REASON),
    proseViolation('override_reason', request.overrideReason, REASON),
    requires.length > MAX.requires
      ? { field: 'requires', description: `must be at most ${MAX.requires}; got ${requires.length}` }
      : undefined,
    ...requires.slice(0, MAX.requires).map((id, i) => wordViolation(`requires[${i}]`, id)),
    entries.length > MAX.attributes
      ? { field: 'attributes', description: `must be at most ${MAX.attributes}; got ${entries.length}` }
      : undefined,
    ...entries
      .slice(0, MAX.attributes)
      .flatMap(([key, value]) => [
        textViolation(`attributes[${key.slice(0, 64)}]`, key, { minBytes: 1, maxBytes: 64 }),
        textViolation(`attributes.${key.slice(0, 64)}`, value, { maxBytes: 256 }),
      ]),
  ])
  return {
    lease,
    requestId,
    scopes: scopes.map(normalScope),
    mode: request.mode === Lock_Mode.SHARED ? Lock_Mode.SHARED : Lock_Mode.EXCLUSIVE,
    waitMs: millis(wait),
    reason,
    attributes,
    requires,
    maxHold,
    lockDelay,
    overrideReason: request.overrideReason,
    mayOverride,
    principal,
  }
}

const millis = (duration: Duration | undefined): number =>
  duration === undefined ? 0 : Number(duration.seconds) * 1000 + Math.round(duration.nanos / 1e6)

function durationViolation(
  field: string,
  duration: Duration | undefined,
  { from, to, required = false }: { from: number; to: number; required?: boolean },
): FieldViolation | undefined {
  if (duration === undefined && !required) return undefined
  const ms = millis(duration)
  if (duration !== undefined && ms >= from && ms <= to) return undefined
  return { field, description: `must be ${from / 1000} s to ${to / 1000} s` }
}
