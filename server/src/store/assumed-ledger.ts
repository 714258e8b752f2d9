import { randomBytes } from 'node:crypto'
import type { Instant } from '../domain/instant.ts'
import type { LoadKeys } from '../domain/load-keys.ts'
import type { LeaseRow } from '../domain/locks/lease.ts'
import type { LedgerPosition } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { uuidArray } from './binary-array.ts'
import { allDone, type Part } from './one-statement.ts'
import { fromMicros, micros } from './pg-types.ts'
import type { Statement } from './pipeline.ts'

/** So many batches in a row must have followed one of this writer's own before it assumes anything. */
const TRUST_AFTER = 2
/** Leases that are known beyond this many are forgotten, and loaded again when they are asked for. */
const MOST_LEASES = 20_000
/** Whether a lease is past its TTL is for the database to say. */
const WHILE_IT_LIVES = (1n << 62n) as Instant

/**
 * What a writer knows of the ledger without asking: where its own last batch left it, and the leases of its clients.
 * A batch that needs nothing else is decided on this at once, and goes to the database together with what must be true
 * of it, which is asked under the ledger's lock: that nobody has written since, that the leases live, and that its clock
 * is about where it was thought to be. When that is not so, the batch leaves no trace.
 */
export class AssumedLedger {
  /** The number of this writer in the ledger. */
  readonly writer = randomBytes(8).readBigInt64BE() & ((1n << 62n) - 1n)
  #position: LedgerPosition | undefined
  #trust = 0
  /** A time of the database's clock, and when on this process's it had passed. */
  #clock = { database: 0n, local: 0 }
  readonly #leases = new Map<string, LeaseRow>()

  /** Where the ledger is assumed to be, when that is likely enough to be so. */
  get position(): LedgerPosition | undefined {
    return this.#trust >= TRUST_AFTER ? this.#position : undefined
  }

  /** The database's time, or a little less. */
  get now(): Instant {
    const passed = Math.floor((performance.now() - this.#clock.local) * 1000)
    return (this.#clock.database + BigInt(passed)) as Instant
  }

  /** The leases that a batch asks for. Undefined when one of them is not known. */
  leasesFor(keys: LoadKeys): LeaseRow[] | undefined {
    const leases: LeaseRow[] = []
    for (const id of keys.leases) {
      const lease = this.#leases.get(id)
      if (lease === undefined) return undefined
      leases.push({ ...lease })
    }
    return leases
  }

  /** Takes in what a batch has found under the ledger's lock. */
  found(writer: bigint, state: WorkingSet): void {
    this.#trust = writer === this.writer ? this.#trust + 1 : 0
    this.#position = undefined
    this.confirmed(state.now)
    for (const lease of state.leases.values()) {
      if (lease.alive) this.#know(lease)
    }
  }

  /** Takes in where a batch leaves the ledger: one that is written, or is on its way on the same assumption. */
  left(state: WorkingSet): void {
    const { epoch, head, nextId } = state.isUntouched ? state.from : state
    this.#position = { epoch, head, nextId }
    for (const id of state.endedLeases) this.#leases.delete(id)
  }

  /** Takes in when what was assumed was found true. */
  confirmed(clock: Instant): void {
    this.#clock = { database: clock, local: performance.now() }
  }

  /** What was assumed is not so. */
  disproved(): void {
    this.#position = undefined
    this.#trust = 0
    this.#leases.clear()
  }

  /** What must be true for a batch that was decided on the assumption. */
  assumption({ from, leases, now }: WorkingSet): Assumption {
    const { epoch, head, nextId } = from
    return { ...ASSUME, values: [epoch, head, nextId, this.writer, now, uuidArray([...leases.keys()])] }
  }

  #know(lease: LeaseRow): void {
    if (this.#leases.size >= MOST_LEASES) this.#leases.clear()
    this.#leases.set(lease.id, { ...lease, expiresAt: WHILE_IT_LIVES })
  }
}

/** Locks the ledger, and gives its `clock` then; fails as `isDisproof` tells when something is not as it was assumed. */
export type Assumption = Part & { as: string }

const ASSUME = {
  name: 'assume',
  text: `select assume($1, $2, $3, $4, ${fromMicros('$5')}, $6) as clock`,
  as: 'true_then',
}

/** The assumption alone, of a batch that leaves nothing to write. */
export const onlyAssumed = (assumption: Assumption): Statement =>
  allDone([assumption], `select null, ${micros('clock')} from ${assumption.as}`)

/** Whether an error of the database says that an assumption was wrong. */
export const isDisproof = (error: unknown): boolean => (error as { code?: unknown }).code === 'HF001'
