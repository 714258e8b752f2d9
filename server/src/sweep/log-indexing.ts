import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type LogText, logTexts } from '../domain/runs/log-text.ts'
import { indexLogs } from '../store/index-logs.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

/** How long a log goes on before what was appended can be found, if there is no more than can be indexed meanwhile. */
const EVERY_MS = 1000

/** Makes logs searchable, soon after they were appended and apart from it, so that appends do not wait for it. */
export class LogIndexing extends Sweep {
  readonly #store: Store

  constructor({ store, log }: { store: Store; log: Logger }) {
    super({ log, everyMs: EVERY_MS })
    this.#store = store
  }

  /**
   * Indexes some of what waits. What else waits is for the next step, after a rest: a flood of logs
   * is searchable later, and whoever appends or follows goes first.
   */
  async step(): Promise<number> {
    const begin = performance.now()
    const some = await indexLogs(this.#store, textsOf)
    return some ? Math.min((performance.now() - begin) / 4, EVERY_MS) : EVERY_MS
  }
}

/**
 * Calls under way go first: a step takes a millisecond or two, and the longer ones are followed by as long a rest, so
 * that what takes several turns of the event loop does not wait for this in each.
 */
async function textsOf(piece: Uint8Array): Promise<LogText[]> {
  const texts: LogText[] = []
  for (const text of logTexts(piece)) {
    if (text === undefined) {
      await pause(1)
    } else {
      texts.push(text)
      await turn()
    }
  }
  return texts
}
