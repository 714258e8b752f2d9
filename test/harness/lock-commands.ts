import type { Lock } from '../../proto/gen/holdfast/v1/lock.ts'
import { Lock_Mode } from '../../proto/gen/holdfast/v1/lock.ts'
import { HoldfastError } from '../../server/src/domain/error.ts'
import type { Instant } from '../../server/src/domain/instant.ts'
import { AcquireLock, type Acquisition, type Standing } from '../../server/src/domain/locks/acquire-lock.ts'
import { type HoldDraft, PlaceHold } from '../../server/src/domain/locks/holds.ts'
import { ReleaseLock } from '../../server/src/domain/locks/release-lock.ts'
import { normalScope } from '../../server/src/domain/locks/scope.ts'
import type { MemoryLedger } from './memory-ledger.ts'

const lease = (client: number): string => `00000000-0000-4000-8000-${String(client).padStart(12, '0')}`

/** Opens the lease of a client, by number. */
export function openLease(ledger: MemoryLedger, client: number, { ttlS = 3600 } = {}): void {
  const id = lease(client)
  const expiresAt = (ledger.now + BigInt(ttlS) * 1_000_000n) as Instant
  ledger.leases.set(id, {
    ...{ id, secretHash: `secret ${client}`, ttlMs: ttlS * 1000, expiresAt, alive: true },
    ...{ owner: `client ${client}`, principal: 'ann' },
  })
}

export const leaseKeyOf = (client: number) => ({ id: lease(client), secretHash: `secret ${client}` })

let requests = 0

/** A request of a client for a service in production. */
export function acquisition(client: number, service: string, more: Partial<Acquisition> = {}): Acquisition {
  return {
    lease: leaseKeyOf(client),
    requestId: `request-${++requests}`,
    scopes: [normalScope({ environment: 'production', service, machine: '', name: '' })],
    ...{ mode: Lock_Mode.EXCLUSIVE, waitMs: 60_000, reason: 'deploy', attributes: {}, requires: [] },
    ...{ maxHold: undefined, lockDelay: undefined, overrideReason: '', mayOverride: false, principal: 'ann' },
    ...more,
  }
}

export const acquire = (...args: Parameters<typeof acquisition>): AcquireLock =>
  new AcquireLock(acquisition(...args))

export function release(client: number, { name, fencingToken }: Lock): ReleaseLock {
  return new ReleaseLock({ name, fencingToken, lease: leaseKeyOf(client), principal: 'ann' })
}

export function hold(service: string, more: Partial<HoldDraft> = {}): PlaceHold {
  const scope = normalScope({ environment: 'production', service, machine: '', name: '' })
  const rest = { untilTime: undefined, untilCondition: '', when: '', allows: [], requestId: '' }
  return new PlaceHold({ scope, reason: 'needs migration 42', ...rest, ...more }, 'bob')
}

/** The lock of a standing that was not refused. */
export function lockOf(standing: Standing | HoldfastError): Lock {
  if (standing instanceof HoldfastError) throw standing
  return standing.lock!
}

/** The refusal of a command. Fails when it was none. */
export function refusalOf(act: () => unknown): HoldfastError {
  try {
    act()
  } catch (error) {
    if (error instanceof HoldfastError) return error
    throw error
  }
  throw new Error('was not refused')
}
