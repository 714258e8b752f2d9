/** A quantile of unsorted samples: the value that `share` of them do not pass. NaN of none. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = Float64Array.from(samples).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The middle one; of an even number the upper of the two. */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

/** Latencies in milliseconds as the figures that reports show. */
export function latencies(samples: readonly number[]): { p50Ms: number; p99Ms: number } {
  return { p50Ms: quantile(samples, 0.5), p99Ms: quantile(samples, 0.99) }
}

/** Runs `operation` until `seconds` have passed, `concurrency` at a time, each as soon as the one before it ends. */
export async function closedLoop(
  operation: (worker: number, turn: number) => Promise<unknown>,
  { concurrency = 1, seconds, turns = Number.POSITIVE_INFINITY }: ClosedLoopOptions,
): Promise<ClosedLoop> {
  const latenciesMs: number[] = []
  const begin = performance.now()
  const end = begin + (seconds ?? Number.POSITIVE_INFINITY) * 1000
  const work = async (worker: number) => {
    for (let turn = 0; turn < turns && performance.now() < end; turn++) {
      const start = performance.now()
      await operation(worker, turn)
      latenciesMs.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, worker) => work(worker)))
  return { perSecond: latenciesMs.length / ((performance.now() - begin) / 1000), latenciesMs }
}

export interface ClosedLoopOptions {
  concurrency?: number
  /** Ends the loop after this long, or … */
  seconds?: number
  /** … after this many turns of each worker. */
  turns?: number
}

export interface ClosedLoop {
  perSecond: number
  latenciesMs: number[]
}
