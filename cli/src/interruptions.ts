import { constants } from 'node:os'

/** What ends a program from outside, or asks it to. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Somebody ended the program. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  /** 128 and the number of the signal, as shells have it. */
  readonly exitCode: number

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/**
 * Takes the signals that would end the program, until it is closed. SIGTSTP, which would stop the heartbeats
 * of a lock, is refused.
 */
export class Interruptions {
  readonly #handlers: (readonly [NodeJS.Signals, () => void])[]

  /**
   * @param ends hears of each signal; what is to be done about it is up to it
   * @param suspends hears that SIGTSTP was refused
   */
  constructor(ends: (signal: NodeJS.Signals) => void, suspends: () => void) {
    this.#handlers = [
      ...ENDING.map((signal) => [signal, () => ends(signal)] as const),
      ['SIGTSTP', suspends] as const,
    ]
    for (const [signal, handler] of this.#handlers) process.on(signal, handler)
  }

  close(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }
}
