import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type LogText, logTexts } from '../domain/runs/log-text.ts'
import { indexLogs } from '../store/index-logs.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

/** How long a log may go on before what was appended can be found. */
const EVERY_MS = 1000

/** Makes logs searchable, soon after they were appended and apart from it, so that appends do not wait for it. */
export class LogIndexing extends Sweep {
  readonly #store: Store

  constructor({ store, log }: { store: Store; log: Logger }) {
    super({ log, everyMs: EVERY_MS })
    this.#store = store
  }

  /** Indexes some of what waits; what else waits is for the next step, at once. */
  async step(): Promise<number> {
    const more = await indexLogs(this.#store, textsOf)
    return more ? 0 : EVERY_MS
  }
}

/**
 * Calls under way go first: a step takes a millisecond or two, and is followed by as long a rest, so that what takes
 * several turns of the event loop does not wait for this in each.
 */
async function textsOf(piece: Uint8Array): Promise<LogText[]> {
  const texts: LogText[] = []
  for (const text of logTexts(piece)) {
    if (text !== undefined) texts.push(text)
    await pause(1)
  }
  return texts
}
