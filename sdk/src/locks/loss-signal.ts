/**
 * An AbortSignal that looks before it answers.
 *
 * After the event loop was blocked, or the process stopped, timers run in the order of their time: one of the
 * program's may come before the one that finds the loss, read `signal.aborted` and go on. So `aborted`, `reason`
 * and `throwIfAborted` of this one signal ask the clock first.
 */
export class LossSignal {
  readonly #controller = new AbortController()

  /** @param look calls {@link abort} if it is time to. */
  constructor(look: () => void) {
    const { signal } = this
    const { get: aborted } = ownGetter('aborted')
    const { get: reason } = ownGetter('reason')
    Object.defineProperties(signal, {
      aborted: {
        get: () => {
          look()
          return aborted?.call(signal)
        },
      },
      reason: {
        get: () => {
          look()
          return reason?.call(signal)
        },
      },
      throwIfAborted: {
        value: () => {
          look()
          AbortSignal.prototype.throwIfAborted.call(signal)
        },
      },
    })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Aborts with the reason. Listeners run before this returns. Again: does nothing. */
  abort(reason: Error): void {
    this.#controller.abort(reason)
  }
}

function ownGetter(name: 'aborted' | 'reason'): PropertyDescriptor {
  return Object.getOwnPropertyDescriptor(AbortSignal.prototype, name) ?? {}
}
