/**
 * When the last acknowledged heartbeat of a lease was sent, in memory that the thread that beats and the thread
 * that holds locks share: what the holder decides by does not wait for a message between them.
 *
 * The clock is the monotonic one of the machine, which both threads read alike; `performance.now()` begins anew
 * in each thread. It stands still while the machine itself is suspended.
 */
export class LeaseClock {
  readonly memory: SharedArrayBuffer
  readonly #ttlMs: number
  readonly #sentAt: BigInt64Array

  constructor(ttlMs: number, memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.#ttlMs = ttlMs
    this.memory = memory
    this.#sentAt = new BigInt64Array(memory)
  }

  /** A beat sent at `sentNs` was acknowledged. An earlier one than the last changes nothing. */
  acknowledge(sentNs: bigint): void {
    if (sentNs > Atomics.load(this.#sentAt, 0)) Atomics.store(this.#sentAt, 0, sentNs)
  }

  /** Until the lease is taken to be lost, in milliseconds; 0 or less: it is. */
  remainingMs(nowNs: bigint = process.hrtime.bigint()): number {
    return this.#ttlMs - marginMs(this.#ttlMs) - this.#silentMs(nowNs)
  }

  /** Until the lease is at risk, in milliseconds; 0 or less: it is. */
  untilRiskMs(nowNs: bigint = process.hrtime.bigint()): number {
    return this.#ttlMs / 2 - this.#silentMs(nowNs)
  }

  #silentMs(nowNs: bigint): number {
    return Number(nowNs - Atomics.load(this.#sentAt, 0)) / 1e6
  }
}

/**
 * How long before the server may let a lease expire its client takes it to be lost: for clocks that do not run
 * alike, and for the abort to get around. A tenth of the TTL, at least 500 ms, at most a quarter.
 */
export function marginMs(ttlMs: number): number {
  return Math.min(Math.max(ttlMs / 10, 500), ttlMs / 4)
}
