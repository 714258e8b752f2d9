import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { StateServiceService } from '../../proto/gen/holdfast/v1/state_service.ts'
import { WatchStateRequest, WatchStateResponse } from '../../proto/gen/holdfast/v1/watch.ts'
import { tracked } from '../harness/tracked.ts'
import { until } from '../harness/wait.ts'
import type { Step } from './watcher.ts'

/** Of a gRPC message: one byte that says whether it is compressed, four that give its length. */
const headerBytes = 5

/**
 * A watch on a connection of its own whose client reads nothing beyond HTTP/2's window of 64 KiB, until it drains.
 * Spoken in HTTP/2 itself: grpc-js reads up to 16 messages of whatever size ahead of a consumer that has paused.
 */
export class StalledStream implements Disposable {
  readonly steps: Step[] = []
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream
  readonly #ended: () => void
  #rest = Buffer.of()

  constructor(address: string, request: Partial<WatchStateRequest>) {
    this.#session = connect(`http://${address}`)
    this.#ended = tracked(this, 'a stalled watch')
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': StateServiceService.watchState.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const message = WatchStateRequest.encode(WatchStateRequest.fromPartial(request)).finish()
    const header = Buffer.alloc(headerBytes)
    header.writeUInt32BE(message.length, 1)
    this.#stream.end(Buffer.concat([header, message]))
  }

  /** Waits until the server has begun to answer. */
  async opened(): Promise<this> {
    await until('a stalled watch to be answered', () => this.#stream.readableLength > 0)
    return this
  }

  /** Reads on, until everything up to `revision` has come. */
  async drained(revision: bigint, limitMs: number): Promise<this> {
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk))
    const has = () => {
      const last = this.steps.at(-1)
      return last !== undefined && last.value.position!.revision >= revision
    }
    await until('a stalled watch to be drained', has, limitMs)
    return this
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const end = this.#rest.length >= headerBytes ? headerBytes + this.#rest.readUInt32BE(1) : Infinity
      if (this.#rest.length < end) return
      this.steps.push(WatchStateResponse.decode(this.#rest.subarray(headerBytes, end)).step!)
      this.#rest = this.#rest.subarray(end)
    }
  }

  [Symbol.dispose](): void {
    this.#session.destroy()
    this.#ended()
  }
}
