import type { LogEntry } from '../../proto/gen/holdfast/v1/run.ts'
import type { Connection } from './connection.ts'
import { nameOf } from './machine-ref.ts'
import { onAbort } from './pause.ts'
import { Reopening } from './reopening.ts'
import { dateFromTimestamp } from './revision.ts'
import { rpc } from './rpc.ts'
import { runService } from './run-reads.ts'
import { errorOfStatus, localStatus } from './status.ts'

/** What {@link Holdfast.readRunLog} takes. */
export interface ReadRunLogOptions {
  /** Begin after so many bytes. @defaultValue 0 */
  offset?: bigint | undefined
  /** Begin so many bytes before the end. Not together with `offset`. */
  tailBytes?: number | undefined
  /** Go on until the run has ended. @defaultValue false */
  follow?: boolean | undefined
  /** Ends the reading, which then throws the signal's own reason. */
  signal?: AbortSignal | undefined
}

/** A piece of a log, as it came out. */
export interface LogPiece {
  /** How many bytes of the log come before it. */
  offset: bigint
  /** The bytes as they came; they need not be UTF-8, nor end with a line. */
  data: Uint8Array
  /** Where it came out. */
  stream: 'stdout' | 'stderr'
  /** When it came out, by the clock of who ran it. */
  time: Date | undefined
  /** `machines/{id}` that it is about; empty when about none in particular. */
  machine: string
  /** So many bytes before it were not kept, since the log had grown past its limit. */
  omittedBytes: bigint
}

/** Reads a log across as many streams as it takes. */
export async function* readRunLog(
  connection: Connection,
  name: string,
  options: ReadRunLogOptions,
): AsyncGenerator<LogPiece, void, undefined> {
  const { signal, follow = false } = options
  const definition = await runService()
  const method = rpc(definition, definition.methods.readRunLog)
  let offset = options.offset ?? 0n
  let tailBytes = BigInt(options.tailBytes ?? 0)
  const reopening = new Reopening(connection.tokens)
  for (;;) {
    let delayMs: number | undefined
    const request = { name: nameOf('runs', name), offset, tailBytes, follow }
    const call = await connection.open(method, request, signal)
    const forget = onAbort(signal, () => call.cancel(localStatus('CANCELLED', 'cancelled by the consumer')))
    try {
      signal?.throwIfAborted()
      for (;;) {
        const received = await call.next()
        signal?.throwIfAborted()
        if (received.done) {
          if (received.status === undefined) return
          delayMs = reopening.delayMs(received.status)
          if (delayMs === undefined) throw errorOfStatus(received.status)
          break
        }
        reopening.heard()
        tailBytes = 0n
        for (const entry of received.message.entries) {
          offset = entry.offset + BigInt(entry.data.length)
          yield pieceOf(entry)
        }
      }
    } finally {
      forget()
      call.cancel()
    }
    await connection.rest(delayMs, signal)
  }
}

function pieceOf({ offset, data, stream, time, machine, omittedBytes }: LogEntry): LogPiece {
  return {
    ...{ offset, data, machine, omittedBytes },
    stream: stream === 2 ? 'stderr' : 'stdout',
    time: time && dateFromTimestamp(time),
  }
}
