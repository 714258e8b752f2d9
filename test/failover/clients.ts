import { type AcquiredLock, Holdfast, type LockLostError } from '@holdfast/sdk'
import { onTestFinished } from 'vitest'

/** A client that is closed after the test. */
export async function sdk(server: { address: string }): Promise<Holdfast> {
  const holdfast = await Holdfast.connect({ address: server.address })
  onTestFinished(() => holdfast.close())
  return holdfast
}

/** What a lock is lost of. */
export const lossOf = (lock: AcquiredLock): Promise<LockLostError> =>
  new Promise((resolve) => {
    const { signal } = lock
    if (signal.aborted) resolve(signal.reason)
    else signal.addEventListener('abort', () => resolve(signal.reason))
  })
