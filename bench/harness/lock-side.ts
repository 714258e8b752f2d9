/** A system that grants locks, as a benchmark sees it: one client process, whose workers each lock for themselves. */
export interface LockSide extends AsyncDisposable {
  readonly name: string
  /** Makes what `workers` need before they lock, such as leases. */
  prepare(workers: number): Promise<void>
  /** Waits for a lock for one of the workers. Gives what releases it. */
  acquire(worker: number, lock: string): Promise<() => Promise<unknown>>
}

/** Acquires a lock and releases it. */
export async function cycle(side: LockSide, worker: number, lock: string): Promise<void> {
  const release = await side.acquire(worker, lock)
  await release()
}
