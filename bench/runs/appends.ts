import { setTimeout as pause } from 'node:timers/promises'
import type { Holdfast } from '@holdfast/sdk'
import { closedLoop } from '../harness/sample.ts'
import { logText } from './log-text.ts'

const PIECE_BYTES = 64 * 1024
/** So many different pieces, so that what is indexed is as different as it is in logs. */
const PIECES = 200

const pieces = () =>
  Array.from({ length: PIECES }, (_, run) => logText({ run, bytes: PIECE_BYTES, terms: ['w'] }))

const startAll = (holdfast: Holdfast, count: number) =>
  Promise.all(Array.from({ length: count }, () => holdfast.startRun({ kind: 'task' })))

/** Appends to all runs at once until the time is over and all is durable. Gives the memory before and after each tenth. */
export async function appendAsFastAsPossible(
  holdfast: Holdfast,
  { appenders, seconds, rss }: { appenders: number; seconds: number; rss: () => number },
): Promise<{ bytes: number; tookMs: number; rssMb: number[] }> {
  const runs = await startAll(holdfast, appenders)
  const texts = pieces()
  const rssMb = [rss() / 1e6]
  let bytes = 0
  const begin = performance.now()
  const append = async (worker: number, turn: number) => {
    await runs[worker]!.log(texts[(turn * appenders + worker) % PIECES]!)
    bytes += PIECE_BYTES
    if (performance.now() - begin > (rssMb.length * seconds * 1000) / 10) rssMb.push(rss() / 1e6)
  }
  await closedLoop(append, { concurrency: appenders, seconds })
  await Promise.all(runs.map((run) => run.flush()))
  const tookMs = performance.now() - begin
  rssMb.push(rss() / 1e6)
  await Promise.all(runs.map((run) => run.finish('succeeded')))
  return { bytes, tookMs, rssMb }
}

/** Appends to one run after the other at a steady rate. */
export async function appendPaced(
  holdfast: Holdfast,
  { appenders, seconds, mbPerMinute }: { appenders: number; seconds: number; mbPerMinute: number },
): Promise<{ bytes: number; tookMs: number }> {
  const runs = await startAll(holdfast, appenders)
  const texts = pieces()
  const everyMs = (PIECE_BYTES / 1e6 / mbPerMinute) * 60_000
  const appends: Promise<void>[] = []
  const begin = performance.now()
  for (let turn = 0; turn * everyMs < seconds * 1000; turn++) {
    await pause(Math.max(0, begin + turn * everyMs - performance.now()))
    appends.push(runs[turn % appenders]!.log(texts[turn % PIECES]!))
  }
  await Promise.all(appends)
  await Promise.all(runs.map((run) => run.flush()))
  const tookMs = performance.now() - begin
  await Promise.all(runs.map((run) => run.finish('succeeded')))
  return { bytes: appends.length * PIECE_BYTES, tookMs }
}
