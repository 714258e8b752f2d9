/** A longer timer ends at once. */
export const longestTimerMs = 2 ** 31 - 1

/**
 * Waits, or returns early with `false` when `interrupt` calls back. Keeps the process alive while it waits: a
 * caller is waiting too.
 *
 * @param interrupt registers the early end, and returns what takes the registration back
 */
export function pause(ms: number, interrupt: (end: () => void) => () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (whole: boolean): void => {
      clearTimeout(timer)
      release()
      resolve(whole)
    }
    const timer = setTimeout(settle, Math.min(ms, longestTimerMs), true)
    const release = interrupt(() => settle(false))
  })
}

/** Calls back when the signal is aborted. Returns what removes the listener. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {}
  signal.addEventListener('abort', callback, { once: true })
  return () => signal.removeEventListener('abort', callback)
}

/** The promise's outcome, or the signal's reason when that is aborted first. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise
  // Nobody waits for it once the signal is aborted.
  promise.catch(() => {})
  signal.throwIfAborted()
  let forget = (): void => {}
  const abort = new Promise<never>((_, reject) => {
    forget = onAbort(signal, () => reject(signal.reason))
  })
  try {
    return await Promise.race([promise, abort])
  } finally {
    forget()
  }
}
