import { setTimeout as pause } from 'node:timers/promises'
import { type AcquiredLock, Holdfast } from '@holdfast/sdk'

/** How the holders of one round lost their locks. */
export interface Losses {
  /** From the strike to the abort. */
  lossMs: number[]
  /** From when the holder knew it would be lost, having heard no more, to the abort. */
  lateMs: number[]
}

/**
 * Has programs hold a lock each, lets something happen to their server, and waits for every signal. Each is a client
 * with a lease, a session and a thread of heartbeats of its own; they beat at times of their own.
 *
 * @param strike resolves when the server is gone for all of them
 */
export async function loseLocks(
  address: string,
  { programs, ttlMs, strike }: { programs: number; ttlMs: number; strike: () => Promise<void> },
): Promise<Losses> {
  const clients = Array.from({ length: programs }, () => Holdfast.lazy({ address }))
  try {
    const locks = await Promise.all(
      clients.map(async (client, at) => {
        await pause((at * ttlMs) / 3 / programs)
        return client.acquireLock(`name:lost-${at}`, { ttlMs, waitMs: 60_000 })
      }),
    )
    // Some beats later, no two of them at one time.
    await pause(ttlMs)
    const aborts = locks.map(aborted)
    const struck = performance.now()
    await strike()
    const deadlines = locks.map(({ remainingMs }) => performance.now() + remainingMs)
    const abortedAt = await Promise.all(aborts)
    return {
      lossMs: abortedAt.map((at) => at - struck),
      lateMs: abortedAt.map((at, index) => at - deadlines[index]!),
    }
  } finally {
    for (const client of clients) client.close()
  }
}

function aborted({ signal }: AcquiredLock): Promise<number> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(performance.now()), { once: true })
  })
}
