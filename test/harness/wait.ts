import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits until `condition` gives something other than false or undefined, and gives that. Fails after `limitMs`.
 * Asks again after `everyMs`.
 */
export async function until<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  limitMs = 50_000,
  everyMs = 10,
): Promise<T> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const found = await condition()
    if (found !== false && found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms for ${what}`)
    await delay(everyMs)
  }
}

/** The promise's outcome, or a failure after `limitMs`. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = 50_000): Promise<T> {
  const timer = new AbortController()
  const late = delay(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${limitMs} ms for ${what}`)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    late.catch(() => {})
    timer.abort()
  }
}
