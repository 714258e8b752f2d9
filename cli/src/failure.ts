import {
  AcquireTimedOutError,
  BlockedError,
  CompactedError,
  DeadlineExceededError,
  HoldfastError,
  InvalidRequestError,
  LockHeldError,
  LockLostError,
  RevisionAheadError,
  UnauthenticatedError,
  UnavailableError,
} from '@holdfast/sdk'
import { type ExitCode, exitCode } from './exit-code.ts'
import { blockersText } from './output/blocker-lines.ts'
import { UsageError } from './usage-error.ts'

/** What to tell of a failure, and what to exit with. */
export interface Failure {
  /** What went wrong, on one line. */
  what: string
  /** What to do about it, or more about it; a line each. */
  hints: string[]
  code: ExitCode
}

/** What went wrong at a server, in words, and what to do about it. */
export function describeFailure(error: unknown, address: string): Failure {
  if (error instanceof UsageError) return { what: error.message, hints: [], code: exitCode.usage }
  if (error instanceof HoldfastError) return describeAnswer(error, address)
  // How the SDK refuses options that make no sense, such as an address that is none.
  if (error instanceof TypeError && /^address |^tls /.test(error.message)) {
    return { what: error.message, hints: [], code: exitCode.usage }
  }
  if (isSystemError(error)) return { what: error.message, hints: [], code: exitCode.failed }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { what: `unexpected: ${text}`, hints: [], code: exitCode.failed }
}

/** What the operating system refused, such as a file that cannot be written or a port in use: no fault of this program. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && /^E[A-Z0-9]+$/.test((error as NodeJS.ErrnoException).code ?? '')
}

const START = "Start one with 'holdfast server', or say where it is: --address HOST:PORT or HOLDFAST_ADDRESS."

/** The HTTP address of a server is printed beside the one to dial, and easily taken for it. */
const NOT_GRPC =
  'What listens there does not speak gRPC. A server prints two addresses: dial the one it is ready at, not its HTTP address.'

function describeAnswer(error: HoldfastError, address: string): Failure {
  const { detail } = error
  if (error instanceof UnavailableError) {
    // Which method it was, and how often it was tried, is of no use here.
    const why = detail
      .replace(/^holdfast\.v1\.\w+\/\w+: (no connection: )?/, '')
      .replace(/ \(\d+ attempts?\)$/, '')
    switch (error.reason) {
      case 'SERVER_DRAINING':
        return { what: `the server at ${address} is going down`, hints: [], code: exitCode.unreachable }
      case 'STORE_UNAVAILABLE':
        return {
          what: `the server at ${address} is without its database: ${why}`,
          hints: [],
          code: exitCode.unreachable,
        }
      default:
        return {
          what: `no server answers at ${address}: ${why}`,
          hints: [why.includes('Protocol error') ? NOT_GRPC : START],
          code: exitCode.unreachable,
        }
    }
  }
  if (error instanceof DeadlineExceededError) {
    return { what: `no answer from ${address} in time`, hints: [START], code: exitCode.unreachable }
  }
  if (error instanceof InvalidRequestError) {
    const { violations } = error
    const hints = violations.length > 1 ? violations.map((one) => `${one.field}: ${one.description}`) : []
    return { what: detail, hints, code: exitCode.usage }
  }
  if (
    error instanceof LockHeldError ||
    error instanceof BlockedError ||
    error instanceof AcquireTimedOutError
  ) {
    const { blockers, totalBlockers } = error
    // The server's text goes on with the first of those that are listed here.
    const [what] = blockers.length === 0 ? [detail] : detail.split(/: |\n/, 1)
    const hints = blockersText(blockers, totalBlockers, new Date())
    return { what: what ?? detail, hints, code: exitCode.blocked }
  }
  if (error instanceof LockLostError) return { what: detail, hints: [], code: exitCode.lockLost }
  if (error instanceof UnauthenticatedError) {
    const hint = 'Give the token with --token-file FILE, HOLDFAST_TOKEN_FILE or HOLDFAST_TOKEN.'
    return { what: detail, hints: [hint], code: exitCode.failed }
  }
  if (error instanceof CompactedError || error instanceof RevisionAheadError) {
    const hint = "See the oldest and the last revision with 'holdfast info'."
    return { what: detail, hints: [hint], code: exitCode.failed }
  }
  return { what: detail, hints: [], code: exitCode.failed }
}
