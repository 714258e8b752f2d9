import { HoldfastError } from '../domain/error.ts'

/** SQLSTATE classes and codes that mean the database is away or going, or a standby that
 * may be promoted, and that the same call may pass later. */
const PASSING = /^(08|53|57P|40001$|40P01$|55P03$|25P03$|25006$)/
const SYSTEM = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])
/** What the driver says itself has a text only; 'timeout expired' is that of a connection outside of a pool. */
const DRIVER =
  /Connection terminated|connection error|Client has encountered|timeout exceeded when trying to connect|^timeout expired$|Cannot use a pool/i

/** Whether an error means that the database cannot be reached or is going away. */
export function isStoreUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as Error & { code?: unknown }
  if (typeof code === 'string' && (PASSING.test(code) || SYSTEM.has(code))) return true
  return DRIVER.test(error.message)
}

/** The error that a caller may see of one the driver threw. Others pass as they are. */
export function storeError(error: unknown): unknown {
  if (!isStoreUnavailable(error)) return error
  return new HoldfastError('STORE_UNAVAILABLE', 'the database cannot be reached right now; try again', {
    retryAfterMs: 500,
    cause: error,
  })
}
