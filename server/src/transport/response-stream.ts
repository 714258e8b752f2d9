/** The writing side of a grpc-js call. */
export interface WritableCall {
  write(message: unknown): boolean
  on(event: 'drain', listener: () => void): unknown
}

/**
 * Writes what `responses` yields, and waits whenever the client is behind. When the signal aborts, waiting
 * ends, the iterator's `return()` is called at once, and nothing more is written.
 *
 * Returns when the iterator has ended; throws what it throws.
 */
export async function writeResponses(
  call: WritableCall,
  responses: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = responses[Symbol.asyncIterator]()
  let wake: (() => void) | undefined
  let returned: Promise<unknown> | undefined
  const stop = () => {
    wake?.()
    // An async generator takes this in after the step it is at; a hand-written iterator may end that step.
    returned = iterator.return?.()
    returned?.catch(() => {})
  }
  call.on('drain', () => wake?.())
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    for (;;) {
      const step = await iterator.next()
      if (step.done === true || signal.aborted) break
      if (!call.write(step.value)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    await returned
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
