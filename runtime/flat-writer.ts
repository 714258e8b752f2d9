import { BinaryWriter } from '@bufbuild/protobuf/wire'

const longestByHand = 40

/**
 * A protobuf writer over one growing buffer that knows its length, can be taken back, and gives its bytes away
 * without a copy. Generated `encode` functions write through it.
 *
 * What its base class cannot do is what counts here: to learn an event's size from that one takes a `finish()`,
 * which allocates, and a copy into the batch. Sending an event of 230 bytes, all told, costs 2.9 µs this way and
 * 4.1 the other (medians of nine interleaved runs of 300,000, acknowledged by a grpc-js server that does
 * nothing else; Node 24, two Xeon cores).
 */
export class FlatWriter extends BinaryWriter {
  #buffer: Buffer<ArrayBuffer>
  #at = 0
  readonly #forks: number[] = []
  // New memory for each batch makes the garbage collector run every 30 ms under load.
  readonly #spare: Buffer<ArrayBuffer>[] = []

  constructor(initialBytes: number) {
    super()
    this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Bytes written. */
  get length(): number {
    return this.#at
  }

  /** Takes back everything after the first `length` bytes. Not within a fork that began later. */
  truncate(length: number): void {
    this.#at = length
    while (this.#forks.length > 0 && this.#forks.at(-1)! >= length) this.#forks.pop()
  }

  /** The bytes from `start` on, not copied; the writer goes on with another buffer. */
  detach(start: number): Buffer<ArrayBuffer> {
    const bytes = this.#buffer.subarray(start, this.#at)
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(Math.max(1024, this.#at))
    this.#at = 0
    return bytes
  }

  /** Takes back the memory of bytes that were detached and that nobody reads any more. */
  recycle(bytes: Buffer<ArrayBuffer>): void {
    this.#spare.push(Buffer.from(bytes.buffer))
  }

  /** Writes from `at` on over bytes that were written before. */
  overwrite(at: number, write: () => void): void {
    const end = this.#at
    this.#at = at
    write()
    this.#at = end
  }

  /** A copy of what was written, which is forgotten. Short ones are parts of Node's pool. */
  override finish(): Buffer<ArrayBuffer> {
    const bytes = Buffer.allocUnsafe(this.#at)
    this.#buffer.copy(bytes, 0, 0, this.#at)
    this.#at = 0
    this.#forks.length = 0
    return bytes
  }

  override fork(): this {
    this.#forks.push(this.#at)
    this.#reserve(1)
    this.#at++
    return this
  }

  override join(): this {
    const start = this.#forks.pop()
    if (start === undefined) throw new Error('join without fork')
    const length = this.#at - start - 1
    const size = varintSize(length)
    if (size > 1) {
      this.#reserve(size - 1)
      this.#buffer.copyWithin(start + size, start + 1, this.#at)
    }
    this.#at = start
    this.uint32(length)
    this.#at += length
    return this
  }

  override tag(field: number, type: number): this {
    return this.uint32(((field << 3) | type) >>> 0)
  }

  override raw(chunk: Uint8Array): this {
    this.#reserve(chunk.length)
    this.#buffer.set(chunk, this.#at)
    this.#at += chunk.length
    return this
  }

  override bytes(value: Uint8Array): this {
    return this.uint32(value.length).raw(value)
  }

  override string(value: string): this {
    const { length } = value
    this.#reserve(3 * length + 5)
    if (length <= longestByHand && this.#ascii(value)) return this
    const bytes = Buffer.byteLength(value)
    this.uint32(bytes)
    this.#at += this.#buffer.write(value, this.#at, 'utf8')
    return this
  }

  override bool(value: boolean): this {
    return this.uint32(value ? 1 : 0)
  }

  override uint32(value: number): this {
    if (value < 0 || value > 0xffffffff || !Number.isInteger(value))
      return this.#other((w) => w.uint32(value))
    return this.varint(value)
  }

  override int32(value: number): this {
    return value >= 0 && value <= 0x7fffffff && Number.isInteger(value)
      ? this.varint(value)
      : this.#other((w) => w.int32(value))
  }

  override int64(value: string | number | bigint): this {
    const number = Number(value)
    return number >= 0 && Number.isSafeInteger(number)
      ? this.varint(number)
      : this.#other((w) => w.int64(value))
  }

  override uint64(value: string | number | bigint): this {
    const number = Number(value)
    return number >= 0 && Number.isSafeInteger(number)
      ? this.varint(number)
      : this.#other((w) => w.uint64(value))
  }

  override double(value: number): this {
    this.#reserve(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
    return this
  }

  override float(value: number): this {
    return this.#other((w) => w.float(value))
  }

  override fixed32(value: number): this {
    return this.#other((w) => w.fixed32(value))
  }

  override sfixed32(value: number): this {
    return this.#other((w) => w.sfixed32(value))
  }

  override sint32(value: number): this {
    return this.#other((w) => w.sint32(value))
  }

  override fixed64(value: string | number | bigint): this {
    return this.#other((w) => w.fixed64(value))
  }

  override sfixed64(value: string | number | bigint): this {
    return this.#other((w) => w.sfixed64(value))
  }

  override sint64(value: string | number | bigint): this {
    return this.#other((w) => w.sint64(value))
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): this {
    this.#reserve(8)
    let rest = value
    // Above 2^32 the bit operators would wrap.
    while (rest > 0xffffffff) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
    return this
  }

  /** Writes an ASCII string with its length, or nothing and says no. */
  #ascii(value: string): boolean {
    const buffer = this.#buffer
    const start = this.#at + 1
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return false
      buffer[start + index] = code
    }
    buffer[this.#at] = value.length
    this.#at = start + value.length
    return true
  }

  #other(write: (writer: BinaryWriter) => BinaryWriter): this {
    return this.raw(write(new BinaryWriter()).finish())
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    // All of it: join() and overwrite() write in front of bytes that stay.
    grown.set(this.#buffer)
    this.#buffer = grown
  }
}

/** The bytes that a whole number takes as a varint. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest /= 128) size++
  return size
}
