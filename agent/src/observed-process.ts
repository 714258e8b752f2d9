/** A process as it was seen. Texts are valid Unicode: bytes that are not become U+FFFD. */
export interface ObservedProcess {
  pid: number
  parentPid: number
  executableName: string
  /** Empty when this user may not know it. */
  executablePath: string
  /** At most 4 KiB in all. */
  commandArgs: string[]
  userName: string
  /** Undefined where that cannot be told for certain. */
  owner?: ProcessOwner | undefined
  createdAt: Date | undefined
  /** TCP ports listened on and UDP ports bound, ascending. */
  listeningPorts: number[]
  /** The control group; empty at the root of the hierarchy. */
  controlGroup: string
  residentBytes: number
  /** The version, as the executable tells it when asked. */
  version?: string | undefined
}

/** Whose a process was when its executable was read, and which of those that have its pid after each other it is. */
export interface ProcessOwner {
  uid: number
  gid: number
  /** When it began, in clock ticks after the machine came up. */
  startTicks: number
}

/** What could not be seen of processes. */
export type Unseen =
  /** Which processes these ports belong to, in use by other users. */
  | { what: 'port-owners'; ports: number[] }
  /** Processes of other users. */
  | { what: 'processes' }
  /** Ports, of any process. */
  | { what: 'ports' }
  /** Processes beyond what one report holds. */
  | { what: 'overflow' }

/** A list of processes. */
export interface ProcessObservation {
  processes: ObservedProcess[]
  unseen: Unseen[]
  /** Whether all was seen: if not, a process that is missing says nothing. */
  complete: boolean
  /** Whether no process is missing, whatever is unknown of their ports. */
  listComplete: boolean
}

export function processObservation(processes: ObservedProcess[], unseen: Unseen[]): ProcessObservation {
  const listComplete = unseen.every(({ what }) => what === 'port-owners')
  return { processes, unseen, complete: unseen.length === 0, listComplete }
}

/** The most bytes of command arguments that are kept of one process. */
export const MAX_COMMAND_BYTES = 4_096

/** Arguments of which less than this would be left are dropped from the end on instead. */
const MIN_CUT_BYTES = 32

/**
 * Cuts a list of arguments at a number of UTF-8 bytes in all, between characters: the longest first, so that what
 * follows a long one, as the main class of a Java program follows its class path, stays. Keeps empty arguments.
 */
export function cutCommandArgs(args: readonly string[], maxBytes: number = MAX_COMMAND_BYTES): string[] {
  const sizes = args.map((arg) => Buffer.byteLength(arg))
  if (sizes.reduce((sum, size) => sum + size, 0) <= maxBytes) return [...args]
  const most = Math.max(MIN_CUT_BYTES, longestOf(sizes, maxBytes))
  const kept: string[] = []
  let room = maxBytes
  for (const [i, arg] of args.entries()) {
    const bytes = Math.min(sizes[i]!, most)
    if (bytes > room) break
    kept.push(cutText(arg, bytes))
    room -= bytes
  }
  return kept
}

/** The largest length that all may have at once. */
function longestOf(sizes: readonly number[], maxBytes: number): number {
  let room = maxBytes
  for (const [i, size] of sizes.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(room / (sizes.length - i))
    if (size > share) return share
    room -= size
  }
  return maxBytes
}

/** The longest beginning of the text that fits into so many UTF-8 bytes. */
export function cutText(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text
  const bytes = Buffer.from(text).subarray(0, maxBytes)
  // A character cut in two decodes to U+FFFD at the end; `stream` holds it back instead.
  return new TextDecoder().decode(bytes, { stream: true })
}
