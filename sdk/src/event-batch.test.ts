import { BinaryWriter } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IngestRequest } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { FlatWriter } from '../../runtime/flat-writer.ts'
import { event } from './event.ts'
import { BatchWriter } from './event-batch.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 300 })
const payload = fc.oneof(
  fc
    .record({ service: text, machine: text, labels: fc.dictionary(text, text) })
    .map(({ service, machine, labels }) => event.started(service, { machine, labels }).payload),
  fc
    .integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    .map((exitCode) => event.stopped('airship', { machine: 'web-0', exitCode }).payload),
  fc.jsonValue().map((value) => event.observed('web-0', { facets: { hardware: { value } } }).payload),
  fc.nat().map((pid) => event.processes('web-0', [{ pid, residentBytes: pid * 4096 }]).payload),
)
const numbered = fc.record({
  id: fc.uuid(),
  seq: fc.maxSafeNat().map((n) => n || 1),
  occurredMs: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
  payload,
})

describe('BatchWriter', () => {
  test('writes what the generated code reads, batch after batch', () => {
    const batches = fc.array(fc.array(numbered, { minLength: 1, maxLength: 8 }), { maxLength: 4 })
    fc.assert(
      fc.property(text, fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), batches, (source, epoch, batches) => {
        const writer = new BatchWriter(source, epoch)
        for (const events of batches) {
          for (const event of events) writer.append(event)
          expect(writer.events).toBe(events.length)
          const size = writer.bytes
          const sealed = writer.seal()
          const { batch } = IngestRequest.decode(sealed)
          expect(batch).toMatchObject({ source, epoch })
          expect(sealed.length - size).toBeLessThanOrEqual(6)
          expect(batch!.events.map(({ payload }) => payload)).toEqual(
            events.map(
              ({ payload }) =>
                IngestRequest.decode(reference(source, epoch, payload)).batch!.events[0]!.payload,
            ),
          )
          expect(batch!.events.map(({ id, seq, occurredTime }) => ({ id, seq, occurredTime }))).toEqual(
            events.map(({ id, seq, occurredMs }) => ({
              id,
              seq: BigInt(seq),
              occurredTime: {
                seconds: BigInt(Math.floor(occurredMs / 1000)),
                nanos: (occurredMs - Math.floor(occurredMs / 1000) * 1000) * 1_000_000,
              },
            })),
          )
          writer.recycle(sealed)
        }
      }),
    )
  })

  test('what throws, and what is taken back, leaves no trace', () => {
    const writer = new BatchWriter('test', 1n)
    const good = { id: 'a', seq: 1, occurredMs: 0, payload: event.note('kept').payload }
    writer.append(good)
    const before = writer.bytes
    const bad = event.stopped('airship', { machine: 'web-0', exitCode: 1.5 }).payload
    expect(() => writer.append({ ...good, payload: bad })).toThrow()
    writer.takeBack(writer.append({ ...good, id: 'b' }))
    expect(writer.bytes).toBe(before)
    writer.append({ ...good, id: 'c', seq: 2 })
    expect(IngestRequest.decode(writer.seal()).batch!.events.map(({ id }) => id)).toEqual(['a', 'c'])
  })
})

function reference(
  source: string,
  epoch: bigint,
  payload: ReturnType<typeof event.note>['payload'],
): Uint8Array {
  const one = { id: '', seq: 0n, occurredTime: undefined, payload }
  return IngestRequest.encode({ batch: { source, epoch, events: [one] } }).finish()
}

test('FlatWriter keeps what is behind a length that it writes at the end of its buffer', () => {
  for (let size = 1; size < 64; size++) {
    const writer = new FlatWriter(size)
    writer
      .uint32(26)
      .fork()
      .raw(new Uint8Array(8))
      .uint32(26)
      .fork()
      .raw(Uint8Array.of(1, 2, 3))
      .join()
      .join()
    expect([...writer.finish()]).toEqual([26, 13, 0, 0, 0, 0, 0, 0, 0, 0, 26, 3, 1, 2, 3])
  }
})

test('FlatWriter writes every type as its base class does', () => {
  const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 60 }))
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const uint32 = fc.nat(2 ** 32 - 1)
  const int32 = fc.integer()
  const call = fc.oneof(
    fc.tuple(fc.constant('string' as const), anyText),
    fc.tuple(fc.constantFrom('int64' as const, 'sint64' as const, 'sfixed64' as const), int64),
    fc.tuple(fc.constantFrom('uint64' as const, 'fixed64' as const), uint64),
    fc.tuple(fc.constantFrom('uint32' as const, 'fixed32' as const), uint32),
    fc.tuple(fc.constantFrom('int32' as const, 'sint32' as const, 'sfixed32' as const), int32),
    fc.tuple(fc.constantFrom('double' as const, 'float' as const), fc.float()),
    fc.tuple(fc.constant('bool' as const), fc.boolean()),
    fc.tuple(fc.constantFrom('bytes' as const, 'raw' as const), fc.uint8Array({ maxLength: 300 })),
  )
  const nested = fc.array(fc.array(call, { maxLength: 6 }), { maxLength: 4 })
  fc.assert(
    fc.property(nested, (forks) => {
      const write = (writer: BinaryWriter): Uint8Array => {
        for (const calls of forks) {
          writer.tag(3, 2).fork()
          for (const [method, value] of calls) (writer[method] as (value: unknown) => unknown)(value)
        }
        for (const _ of forks) writer.join()
        return new Uint8Array(writer.finish())
      }
      expect(write(new FlatWriter(16))).toEqual(write(new BinaryWriter()))
    }),
    { numRuns: 1000 },
  )
})
