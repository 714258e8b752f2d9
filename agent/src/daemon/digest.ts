import { createHash } from 'node:crypto'
import type { ProcessObservation } from '../observed-process.ts'

/** What tells two values apart that are made in the same way. */
export const digestOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64')

/** What tells two looks at the processes apart: all but their memory, which always differs. */
export const scanDigest = (seen: ProcessObservation): string =>
  digestOf({ ...seen, processes: seen.processes.map((one) => ({ ...one, residentBytes: 0 })) })
