import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { describe, expect, test } from 'vitest'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import {
  type EventBatch,
  IngestBatchRequest,
  IngestRequest,
} from '../../../proto/gen/holdfast/v1/ingest_service.ts'
import { at, note, report, started } from '../../../test/harness/reports.ts'
import { type DecodedBatch, ingestServiceDefinition } from './decode-ingest.ts'

const decode = ingestServiceDefinition.ingestBatch.requestDeserialize

const batch: EventBatch = {
  source: 'agent/web-0',
  epoch: 2n ** 63n,
  events: [note('größe', { seq: 1 }), started('web-0', 'airship'), report('processesObserved', {})],
}

const message = (field: number, bytes: Uint8Array): Uint8Array =>
  new BinaryWriter()
    .uint32((field << 3) | 2)
    .bytes(bytes)
    .finish()

const requestOf = (...fields: Uint8Array[]): Buffer => Buffer.from(message(1, Buffer.concat(fields)))

test('a request decodes as the generated code decodes it, and keeps the bytes of each event', () => {
  const bytes = Buffer.from(IngestBatchRequest.encode({ batch }).finish())
  const { encoded, sent, ...decoded } = decode(bytes).batch as DecodedBatch
  expect(decoded).toEqual(batch)
  expect(sent).toBe(3)
  expect(encoded.map((event) => Event.decode(event))).toEqual(batch.events)
  expect(ingestServiceDefinition.ingest.requestDeserialize(bytes)).toEqual(decode(bytes))
  expect(IngestRequest.decode(bytes)).toEqual({ batch })
})

test('a request without a batch has none', () => {
  expect(decode(Buffer.alloc(0)).batch).toBeUndefined()
})

test('fields that a later version may send are passed over', () => {
  const later = new BinaryWriter()
    .uint32((15 << 3) | 0)
    .uint64(5n)
    .finish()
  const event = Event.encode(batch.events[0]!).finish()
  const bytes = Buffer.concat([
    requestOf(later, message(14, Buffer.from('x')), message(3, Buffer.concat([event, later]))),
    later,
  ])
  expect((decode(bytes).batch as DecodedBatch).events).toEqual([batch.events[0]])
})

test('a batch in two parts is one, as protobuf says', () => {
  const event = (i: number) => message(3, Event.encode(batch.events[i]!).finish())
  const bytes = Buffer.concat([
    requestOf(message(1, Buffer.from('first')), event(0)),
    requestOf(message(1, Buffer.from('second')), event(1)),
  ])
  expect(decode(bytes).batch).toMatchObject({ source: 'second', events: batch.events.slice(0, 2) })
})

test('events past the limit are counted, and cost no memory', () => {
  const empty = message(3, Buffer.alloc(0))
  const many = requestOf(Buffer.concat(Array.from({ length: 100_000 }, () => empty)))
  const decoded = decode(many).batch as DecodedBatch
  expect(decoded.sent).toBe(100_000)
  expect(decoded.events).toHaveLength(5000)
})

describe('bytes that are not what they say are refused', () => {
  const whole = Buffer.from(IngestBatchRequest.encode({ batch }).finish())
  const event = Event.encode(note('x')).finish()

  test.each([
    ['cut anywhere', whole.subarray(0, whole.length - 3)],
    [
      'a length that never ends',
      Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ],
    ['a length beyond the end', Buffer.from([0x0a, 0x7f, 0x0a, 0x01])],
    ['a tag of nothing', requestOf(Buffer.from([0x00]))],
    ['the end of a group that never began', requestOf(Buffer.from([0x0c]))],
    ['an event that says to be shorter than what it holds', requestOf(overrunning(event), event)],
    ['a source that is not UTF-8', requestOf(message(1, Buffer.from([0xff, 0xfe])))],
    ['an event with text that is not UTF-8', requestOf(message(3, notUtf8(event)))],
    ['a batch that says to be shorter than its events', shortened(requestOf(message(3, event)))],
  ])('%s', (_, bytes) => {
    expect(() => decode(Buffer.from(bytes))).toThrow()
  })

  test('also when the attributes are nested without end', () => {
    let attributes: Record<string, unknown> = {}
    for (let i = 0; i < 5000; i++) attributes = { a: attributes }
    const deep = () =>
      report('machineObserved', { machine: at('web-0'), facets: [{ facet: 'os', attributes }] } as never)
    expect(() =>
      decode(Buffer.from(IngestBatchRequest.encode({ batch: { ...batch, events: [deep()] } }).finish())),
    ).toThrow()
  })
})

/** An event whose last letter, the note's `x`, is no letter. */
function notUtf8(event: Uint8Array): Uint8Array {
  const bytes = Buffer.from(event)
  bytes[bytes.lastIndexOf('x')] = 0xff
  return bytes
}

/** An event in a batch whose length leaves its last field outside. */
function overrunning(event: Uint8Array): Uint8Array {
  const bytes = Buffer.from(message(3, event))
  bytes[1]! -= 1
  return bytes
}

/** A request whose batch has a length that is one less than what it holds. */
function shortened(request: Buffer): Uint8Array {
  const bytes = Buffer.from(request)
  bytes[1]! -= 1
  return bytes
}
