import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_Mode, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { MemoryLedger } from '../../../../test/harness/memory-ledger.ts'
import type { Command } from '../command.ts'
import { HoldfastError } from '../error.ts'
import { type Instant, instantFromTimestamp } from '../instant.ts'
import { decodeBody } from '../kind.ts'
import { conditionName } from '../resource-name.ts'
import type { ChangeRecord } from '../rows.ts'
import { AcquireLock, type Standing } from './acquire-lock.ts'
import { RevokeCondition, SatisfyCondition } from './conditions.ts'
import { EndDue } from './end-due.ts'
import { ExpireLeases, RevokeLease } from './end-leases.ts'
import { LiftHold, PlaceHold } from './holds.ts'
import { leaseName } from './lease.ts'
import { ForceReleaseLock, ReleaseLock } from './release-lock.ts'
import { overlaps } from './scope.ts'

const LEASES = 4
const TTL_S = 10

interface Ask {
  lease: number
  scopes: Scope[]
  shared: boolean
  waitS: number
  requires: string[]
  maxHoldS: number
  delayS: number
  priest: boolean
}

type Step =
  | { kind: 'acquire'; ask: Ask }
  | { kind: 'again'; which: number }
  | { kind: 'release' | 'stale' | 'force'; which: number }
  | { kind: 'revoke' | 'beat'; lease: number }
  | { kind: 'place'; scope: Scope; untilS: number; until: string; allows: boolean }
  | { kind: 'lift'; which: number }
  | { kind: 'satisfy' | 'unsatisfy'; condition: string }
  | { kind: 'pass'; seconds: number }
  | { kind: 'epoch' }

const part = fc.constantFrom('*', 'a', 'b')
const box = fc.record({ environment: part, service: part, machine: part, name: fc.constant('') })
const name = fc.constant({ environment: '', service: '', machine: '', name: 'x' })
const scope: fc.Arbitrary<Scope> = fc.oneof({ weight: 4, arbitrary: box }, { weight: 1, arbitrary: name })
const condition = fc.constantFrom('c1', 'c2')
const lease = fc.nat(LEASES - 1)
const which = fc.nat(30)
const ask: fc.Arbitrary<Ask> = fc.record({
  lease,
  scopes: fc.array(scope, { minLength: 1, maxLength: 3 }),
  shared: fc.boolean(),
  waitS: fc.constantFrom(0, 5, 60),
  requires: fc.array(condition, { maxLength: 1 }),
  maxHoldS: fc.constantFrom(0, 0, 4),
  delayS: fc.constantFrom(0, 0, 3),
  priest: fc.boolean(),
})
const one = <K extends Step['kind']>(...kinds: K[]) => fc.constantFrom(...kinds)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: one('acquire'), ask }) },
  { weight: 1, arbitrary: fc.record({ kind: one('again'), which }) },
  { weight: 5, arbitrary: fc.record({ kind: one('release', 'stale', 'force'), which }) },
  { weight: 1, arbitrary: fc.record({ kind: one('revoke'), lease }) },
  { weight: 3, arbitrary: fc.record({ kind: one('beat'), lease }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: one('place'),
      scope,
      untilS: fc.constantFrom(0, 6),
      until: fc.constantFrom('', 'c1'),
      allows: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: one('lift'), which }) },
  { weight: 2, arbitrary: fc.record({ kind: one('satisfy', 'unsatisfy'), condition }) },
  { weight: 3, arbitrary: fc.record({ kind: one('pass'), seconds: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: one('epoch') }) },
) as fc.Arbitrary<Step>

/** Batches of steps, as the group writer takes them. */
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 30 })

const conflict = (a: Lock, b: Lock): boolean =>
  (a.mode === Lock_Mode.EXCLUSIVE || b.mode === Lock_Mode.EXCLUSIVE) &&
  a.scopes.some((one) => b.scopes.some((other) => overlaps(one, other)))

const ticketOf = (lock: Lock): number => Number.parseInt(lock.name.slice('locks/'.length), 36)

/** As much of a result as does not depend on how often it was worked out. */
const outcome = (result: unknown): unknown =>
  result instanceof HoldfastError ? result.reason : (result as { lock?: Lock } | undefined)?.lock

/** Runs a history, and checks after each batch what must hold of every history. */
class Run {
  readonly ledger = new MemoryLedger()
  readonly #locks: { name: string; token: bigint; wanted: AcquireLockArguments; lease: number }[] = []
  readonly #holds: string[] = []
  /** The leases of the moment, each opened anew when it ends. */
  readonly #leases: string[] = []
  readonly #tokens = new Map<string, bigint>()
  #opened = 0
  #seen = 0
  #lastToken = 0n
  #closedUntil = 0n as Instant
  #standing = new Map<string, Lock>()
  /** The holds that stand and the conditions that are true, by name, as of the revision that is looked at. */
  readonly #frozen = new Map<string, Hold>()
  readonly #true = new Set<string>()

  constructor() {
    for (let i = 0; i < LEASES; i++) this.#open(i)
  }

  batch(steps: Step[]): void {
    const commands: { command: Command<unknown>; take?: (result: unknown) => void }[] = []
    for (const step of steps) {
      const made = this.#command(step)
      if (made !== undefined) commands.push(made)
    }
    // A batch may be decided on an assumption that turns out wrong: what is taken back leaves no trace.
    const rehearsed = this.ledger.rehearse(...commands.map(({ command }) => command))
    const results = this.ledger.run(...commands.map(({ command }) => command))
    expect(results.map(outcome)).toEqual(rehearsed.map(outcome))
    for (const [i, result] of results.entries()) {
      if (!(result instanceof HoldfastError)) commands[i]!.take?.(result)
    }
    this.#check()
    this.#sweep()
    this.#check()
    this.#settled()
  }

  #command(step: Step): { command: Command<unknown>; take?: (result: unknown) => void } | undefined {
    switch (step.kind) {
      case 'acquire': {
        const wanted = this.#wanted(step.ask)
        return {
          command: new AcquireLock(wanted),
          take: (result) => this.#took(result as Standing, wanted, step.ask),
        }
      }
      case 'again': {
        const earlier = this.#pick(this.#locks, step.which)
        if (earlier === undefined) return undefined
        const check = (result: unknown) => expect((result as Standing).lock?.name).toBe(earlier.name) // L8
        return { command: new AcquireLock(earlier.wanted), take: check }
      }
      case 'release': {
        const lock = this.#pick(this.#locks, step.which)
        if (lock === undefined) return undefined
        return {
          command: new ReleaseLock({ ...this.#claim(lock), lease: lock.wanted.lease!, principal: 'p' }),
        }
      }
      case 'stale': {
        const lock = this.#pick(this.#locks, step.which)
        if (lock === undefined) return undefined
        const token = this.#tokenOf(lock.name) + 1n
        const claim = { name: lock.name, fencingToken: token, lease: lock.wanted.lease!, principal: 'p' }
        const never = () => expect.unreachable('a stale release did something') // L9
        return { command: new ReleaseLock(claim), take: never }
      }
      case 'force': {
        const lock = this.#pick(this.#locks, step.which)
        if (lock === undefined) return undefined
        return { command: new ForceReleaseLock({ ...this.#claim(lock), reason: 'stuck', principal: 'boss' }) }
      }
      case 'revoke': {
        const id = this.#leases[step.lease]!
        return { command: new RevokeLease({ id, secretHash: 's' }, 'p') }
      }
      case 'beat': {
        const row = this.ledger.leases.get(this.#leases[step.lease]!)!
        if (row.alive) row.expiresAt = this.#in(TTL_S)
        return undefined
      }
      case 'place': {
        const untilTime = step.untilS === 0 ? undefined : this.#timestamp(step.untilS)
        const draft = {
          ...{ scope: step.scope, reason: 'frozen', untilTime, when: '', requestId: '' },
          ...{
            untilCondition: untilTime === undefined ? step.until : '',
            allows: step.allows ? ['priest'] : [],
          },
        }
        const take = (result: unknown) => this.#holds.push((result as { hold: { name: string } }).hold.name)
        return { command: new PlaceHold(draft, 'ann'), take }
      }
      case 'lift': {
        const hold = this.#pick(this.#holds, step.which)
        return hold === undefined
          ? undefined
          : { command: new LiftHold({ name: hold, etag: '', reason: '' }, 'ann') }
      }
      case 'satisfy':
        return { command: new SatisfyCondition({ condition: step.condition, reason: '', principal: 'ann' }) }
      case 'unsatisfy':
        return { command: new RevokeCondition({ condition: step.condition, reason: 'no', principal: 'ann' }) }
      case 'pass':
        this.ledger.now = this.#in(step.seconds)
        return undefined
      case 'epoch':
        this.ledger.epoch += 1n
        this.ledger.locks.closeUntil(this.#in(TTL_S))
        this.#closedUntil = this.ledger.locks.closedUntil
        return undefined
    }
  }

  #wanted({ lease, scopes, shared, waitS, requires, maxHoldS, delayS, priest }: Ask): AcquireLockArguments {
    const seconds = (count: number) => (count === 0 ? undefined : { seconds: BigInt(count), nanos: 0 })
    return {
      lease: { id: this.#leases[lease]!, secretHash: 's' },
      requestId: `r${++this.#opened}`,
      ...{ scopes, requires, waitMs: waitS * 1000, maxHold: seconds(maxHoldS), lockDelay: seconds(delayS) },
      mode: shared ? Lock_Mode.SHARED : Lock_Mode.EXCLUSIVE,
      ...{ reason: '', attributes: {}, overrideReason: '', mayOverride: false },
      principal: priest ? 'priest' : 'p',
    }
  }

  #took({ lock }: Standing, wanted: AcquireLockArguments, { lease }: Ask): void {
    if (lock !== undefined) this.#locks.push({ name: lock.name, token: lock.fencingToken, wanted, lease })
  }

  /** What the sweep does: leases that are over, then what is due, until there is no more. */
  #sweep(): void {
    const { leases, now } = this.ledger
    const due = [...leases.values()].filter(({ alive, expiresAt }) => alive && expiresAt <= now)
    if (due.length > 0) this.ledger.do(new ExpireLeases(due.map(({ id }) => id)))
    this.ledger.do(new EndDue())
    this.ledger.do(new EndDue())
    for (const [i, id] of this.#leases.entries()) if (!leases.get(id)!.alive) this.#open(i)
  }

  /** Goes through the changes since the last check, revision by revision, and holds each against a naive model. */
  #check(): void {
    const { changes } = this.ledger
    while (this.#seen < changes.length) {
      const { revision } = changes[this.#seen]!
      const granted: Lock[] = []
      const blocked: Lock[] = []
      const was = new Map(this.#standing)
      for (; this.#seen < changes.length && changes[this.#seen]!.revision === revision; this.#seen++) {
        const change = changes[this.#seen]!
        if (change.kind !== 'lock') {
          this.#takeIn(change)
          continue
        }
        const lock = decodeBody('lock', change.body)
        const before = was.get(lock.name)
        // Forward only: what has ended is never heard of again.
        if (before === undefined) expect(change.before).toBeUndefined()
        if (lock.state === Lock_State.ENDED) this.#standing.delete(lock.name)
        else this.#standing.set(lock.name, lock)
        if (lock.state === Lock_State.HELD && before?.state !== Lock_State.HELD) granted.push(lock)
        if (lock.endCause === Lock_EndCause.BLOCKED) blocked.push(lock)
      }
      for (const lock of granted) this.#checkGrant(lock, revision, was)
      // L7: nobody who waits is refused by nothing.
      for (const lock of blocked)
        if (!this.#isBlocked(lock)) throw new Error(`${lock.name} was refused at ${revision} by nothing`)
    }
  }

  #takeIn({ kind, body }: ChangeRecord): void {
    if (kind === 'hold') {
      const hold = decodeBody('hold', body)
      if (hold.liftTime === undefined) this.#frozen.set(hold.name, hold)
      else this.#frozen.delete(hold.name)
    } else if (kind === 'condition') {
      const { name, revokeTime } = decodeBody('condition', body)
      if (revokeTime === undefined) this.#true.add(name)
      else this.#true.delete(name)
    }
  }

  #unmet({ requires }: Lock): string[] {
    return requires.filter((id) => !this.#true.has(conditionName(id)))
  }

  #checkGrant(lock: Lock, revision: bigint, was: Map<string, Lock>): void {
    // L2: the token is the revision of the grant, and no resource ever saw a higher one.
    expect(lock.fencingToken).toBe(revision)
    expect(lock.fencingToken).toBeGreaterThanOrEqual(this.#lastToken)
    this.#lastToken = lock.fencingToken
    this.#tokens.set(lock.name, lock.fencingToken)
    // L4: in a new epoch nothing, until whoever held what was lost has given it up.
    expect(this.ledger.now).toBeGreaterThanOrEqual(this.#closedUntil)
    for (const other of this.#standing.values()) {
      if (other.name === lock.name || !conflict(lock, other)) continue
      // L1, L10: nothing that overlaps is held, in any of its scopes.
      if (other.state === Lock_State.HELD)
        throw new Error(`${lock.name} and ${other.name} are held at ${revision}`)
      // L6: nobody who waited before it still waits.
      if (ticketOf(other) < ticketOf(lock))
        throw new Error(`${lock.name} passed ${other.name} at ${revision}`)
    }
    // L13: no hold that covers it stood before this revision.
    for (const hold of this.ledger.all('hold')) {
      const over = hold.untilTime !== undefined && instantFromTimestamp(hold.untilTime) <= this.ledger.now
      const stands = hold.liftTime === undefined && !over
      if (!stands || hold.revision >= revision || hold.allows.includes(lock.principal)) continue
      if (lock.scopes.some((scope) => overlaps(scope, hold.scope!))) {
        throw new Error(`${lock.name} was granted at ${revision} under ${hold.name} of ${hold.revision}`)
      }
    }
    expect(this.#unmet(lock)).toEqual([])
    expect(was.get(lock.name)?.state).not.toBe(Lock_State.HELD)
  }

  /** Whether a hold or a condition is in the way of a lock. */
  #isBlocked(lock: Lock): boolean {
    if (this.#unmet(lock).length > 0) return true
    return [...this.#frozen.values()].some(
      ({ scope, allows, untilTime }) =>
        !allows.includes(lock.principal) &&
        (untilTime === undefined || instantFromTimestamp(untilTime) > this.ledger.now) &&
        lock.scopes.some((one) => overlaps(one, scope!)),
    )
  }

  /** L7, L14: when the sweep is done, nobody waits who could have what it waits for, and nothing dead is left. */
  #settled(): void {
    const { locks, leases, now, epoch } = this.ledger
    const standing = [...this.#standing.values()].sort((a, b) => ticketOf(a) - ticketOf(b))
    expect([...locks.locks].map(({ resource }) => resource.name).sort()).toEqual(
      [...this.#standing.keys()].sort(),
    )
    for (const lock of standing) {
      const lease = leases.get(lock.lease.slice('leases/'.length))!
      expect(lease.alive && lease.expiresAt > now).toBe(true)
      if (lock.state === Lock_State.HELD) {
        expect(lock.ledgerEpoch).toBe(epoch)
        continue
      }
      const ahead = standing.some(
        (other) =>
          other !== lock &&
          conflict(lock, other) &&
          (other.state === Lock_State.HELD || ticketOf(other) < ticketOf(lock)),
      )
      const delayed = [...locks.delays].some(
        ({ lock: ended, until }) =>
          until > now && ended.scopes.some((one) => lock.scopes.some((other) => overlaps(one, other))),
      )
      if (this.#isBlocked(lock)) throw new Error(`${lock.name} waits for what it will not be given`)
      if (!ahead && !delayed && locks.closedUntil <= now) throw new Error(`${lock.name} waits for nothing`)
    }
    const ended = this.ledger.all('lock').filter(({ state }) => state === Lock_State.ENDED)
    for (const lock of ended) expect(lock.endCause).not.toBe(Lock_EndCause.UNSPECIFIED)
    for (const lease of leases.values()) {
      if (!lease.alive) expect(locks.locksOf(leaseName(lease.id))).toEqual([])
    }
  }

  #claim({ name }: { name: string }): { name: string; fencingToken: bigint } {
    return { name, fencingToken: this.#tokenOf(name) }
  }

  #tokenOf(name: string): bigint {
    return this.#tokens.get(name) ?? 0n
  }

  #pick<T>(from: readonly T[], which: number): T | undefined {
    return from[which % from.length]
  }

  #open(at: number): void {
    const id = `00000000-0000-4000-8000-${String(++this.#opened).padStart(12, '0')}`
    this.#leases[at] = id
    this.ledger.leases.set(id, {
      ...{ id, secretHash: 's', ttlMs: TTL_S * 1000, expiresAt: this.#in(TTL_S), alive: true },
      ...{ owner: `client ${at}`, principal: 'p' },
    })
  }

  #in(seconds: number): Instant {
    return (this.ledger.now + BigInt(seconds) * 1_000_000n) as Instant
  }

  #timestamp(seconds: number) {
    return { seconds: this.#in(seconds) / 1_000_000n, nanos: 0 }
  }
}

type AcquireLockArguments = ConstructorParameters<typeof AcquireLock>[0]

test('L1 L2 L4 L6 L7 L8 L9 L10 L13 L14 hold of every history of requests, ends, holds, conditions and time', () => {
  fc.assert(
    fc.property(history, (batches) => {
      const run = new Run()
      for (const steps of batches) run.batch(steps)
    }),
    { numRuns: 300 },
  )
})
