import type { LogEntry } from '../../../../proto/gen/holdfast/v1/run.ts'
import { HoldfastError } from '../error.ts'

/**
 * What of `entries` a log of `size` bytes has not got yet, and its size with it. What comes again is passed
 * over by its offset, also where it ends in the middle of an entry. Throws LOG_GAP when bytes are missing
 * before an entry.
 */
export function newEntries(
  run: string,
  size: bigint,
  entries: readonly LogEntry[],
): { entries: LogEntry[]; size: bigint } {
  const fresh: LogEntry[] = []
  let end = size
  for (const entry of entries) {
    if (entry.offset > end) {
      throw new HoldfastError(
        'LOG_GAP',
        `the log of ${run} has ${end} bytes, and an entry begins at ${entry.offset}; send what is between first`,
        { metadata: { resource: run, size: String(end), offset: String(entry.offset) } },
      )
    }
    const until = entry.offset + BigInt(entry.data.length)
    if (until <= end) continue
    const data = entry.data.subarray(Number(end - entry.offset))
    fresh.push({ ...entry, offset: end, data })
    end = until
  }
  return { entries: fresh, size: end }
}
