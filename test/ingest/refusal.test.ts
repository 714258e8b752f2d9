import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { status as Code, type ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import {
  IngestBatchRequest,
  IngestBatchResponse,
  IngestResponse,
  IngestServiceService,
} from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { MachineView } from '../../proto/gen/holdfast/v1/state_service.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { at, report } from '../harness/reports.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { callsOf } from '../query/calls.ts'
import { called } from '../watch/reports.ts'
import { batchOf, fieldsOf, IngestCall, ingest, noted, now, reasonsOf, startedAs } from './ingest-call.ts'

failOnLeaks()

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server[Symbol.asyncDispose]())

let sources = 0
/** A source that nobody used yet. */
const fresh = () => ({ source: `source-${++sources}`, epoch: 1n })

const DAY = 86_400_000
const start = (machine: string, service: string, more = {}) =>
  report('instanceStarted', { machine: at(machine), service, ...more }, { at: now() })

const looked = (attributes: object, facet = 'own') =>
  report(
    'machineObserved',
    { machine: at('web-0'), facets: [{ facet, attributes: attributes as never }] },
    { at: now() },
  )

/** Each is refused by itself, wherever it stands, with its reason and the fields at fault. */
const BAD: [what: string, bad: () => Event, reason: string, fields: string[]][] = [
  ['a time in 1970', () => noted('x', { at: 0n as never }), 'EVENT_TOO_OLD', []],
  ['a time in 2100', () => noted('x', { at: 4_102_444_800_000_000n as never }), 'EVENT_IN_FUTURE', []],
  ['a time 11 minutes ahead', () => noted('x', { at: now(660_000) }), 'EVENT_IN_FUTURE', []],
  ['a time 401 days ago', () => noted('x', { at: now(-401 * DAY) }), 'EVENT_TOO_OLD', []],
  ['no time', () => ({ ...noted('x'), occurredTime: undefined }), 'INVALID_REQUEST', ['occurred_time']],
  ['no payload', () => ({ ...noted('x'), payload: undefined }), 'INVALID_REQUEST', ['payload']],
  ['an id that is none', () => noted('x', { id: 'é'.repeat(5000) }), 'INVALID_REQUEST', ['id']],
  ['a seq of 64 bits', () => noted('x', { seq: 2n ** 64n - 1n }), 'INVALID_REQUEST', ['seq']],
  ['a name with slashes', () => start('a/b', 'x'), 'INVALID_REQUEST', ['instance_started.machine.id']],
  [
    'a name with control characters',
    () => start('web-0', 'air\u0000ship\u001b[2J'),
    'INVALID_REQUEST',
    ['instance_started.service'],
  ],
  [
    'names of 10 kB',
    () => start('m'.repeat(10_000), 's'.repeat(10_000), { slot: 'x'.repeat(10_000) }),
    'INVALID_REQUEST',
    ['instance_started.machine.id', 'instance_started.service', 'instance_started.slot'],
  ],
  [
    'an unknown kind of alias',
    () =>
      report(
        'noteRecorded',
        { text: 'x', machine: { id: 'web-0', aliases: [{ kind: 100_000 as 3, value: 'x' }] } },
        { at: now() },
      ),
    'INVALID_REQUEST',
    ['note_recorded.machine.aliases[0].kind'],
  ],
  [
    'an event that only the server writes',
    () => report('resourceAmended', { resource: 'machines/web-0' }, { at: now() }),
    'INVALID_REQUEST',
    ['resource_amended'],
  ],
  [
    'attributes nested deeper than can be read back',
    () => looked(Array.from({ length: 40 }).reduce((inner: object) => ({ a: inner }), {})),
    'INVALID_REQUEST',
    ['machine_observed.facets[0].attributes'],
  ],
  ['an event above 1 MiB', () => looked({ a: 'x'.repeat(1 << 20) }), 'INVALID_REQUEST', ['event']],
]

describe('I5 a bad event is refused by itself with its reason, its neighbours land', () => {
  test.each(BAD)('%s', async (what, bad, reason, fields) => {
    const numbering = fresh()
    const event = bad()
    if (event.seq === 0n) event.seq = 2n
    const events = [noted('before', { seq: 1 }), event, noted('after', { seq: 3 })]
    for (const again of [false, true]) {
      const outcome = await ingest(server, events, numbering)
      expect(outcome).toMatchObject(again ? { accepted: 0, duplicates: 2 } : { accepted: 2, duplicates: 0 })
      expect(outcome).toMatchObject({ ackedSeq: 3n, gaps: what.startsWith('a seq') ? [{ first: 2n }] : [] })
      expect(reasonsOf(outcome)).toEqual({ 1: reason })
      const [refused] = outcome.refused
      expect(refused!.seq).toBe(event.seq)
      expect(event.id.startsWith(refused!.id)).toBe(true)
      expect(Buffer.byteLength(refused!.id)).toBeLessThanOrEqual(64)
      expect(fieldsOf(refused!.status!.details)).toEqual(fields)
      expect(refused!.status!.message.length).toBeLessThan(800)
    }
  })

  test('all of them in one batch, on a stream', async () => {
    using call = new IngestCall(server)
    const events = BAD.flatMap(([, bad]) => [bad(), noted('between')])
    call.send(events, fresh())
    const [outcome] = await call.finished()
    expect(outcome).toMatchObject({ accepted: BAD.length })
    expect(reasonsOf(outcome!)).toEqual(Object.fromEntries(BAD.map(([, , reason], i) => [2 * i, reason])))
  })

  test('a seq used again for other content, also from another connection', async () => {
    const numbering = fresh()
    await ingest(server, [noted('first', { seq: 1 }), noted('second', { seq: 2 })], numbering)
    const outcome = await ingest(
      server,
      [noted('other', { seq: 1 }), startedAs('web-7', 'v1', { seq: 2 }), noted('third', { seq: 3 })],
      numbering,
    )
    expect(reasonsOf(outcome)).toEqual({ 0: 'SEQ_REUSED', 1: 'SEQ_REUSED' })
    expect(outcome).toMatchObject({ accepted: 1, ackedSeq: 3n, gaps: [] })
    const found = callsOf(server).getInstance({ name: 'instances/web-7~airship' })
    await expect(found).rejects.toMatchObject({ code: Code.NOT_FOUND })
  })
})

/** Sends a batch as these bytes, on a unary call. */
const sendBytes = (bytes: Buffer) =>
  called<IngestBatchResponse>((done) =>
    server.ingest.makeUnaryRequest(
      IngestServiceService.ingestBatch.path,
      (given: Buffer) => given,
      (answer: Buffer) => IngestBatchResponse.decode(answer),
      bytes,
      (error, response) => done(error, response!),
    ),
  )

const failure = (call: Promise<unknown>): Promise<ServiceError> =>
  call.then(
    () => Promise.reject(new Error('it passed')),
    (error: ServiceError) => error,
  )

describe('a batch that breaks a limit as a whole is refused', () => {
  const tooMany = () => Array.from({ length: 5001 }, () => noted('x'))

  test('5,001 events', async () => {
    const error = await failure(ingest(server, tooMany(), fresh()))
    expect(error.code).toBe(Code.INVALID_ARGUMENT)
    expect(error.details).toContain('at most 5000 events; got 5001')
    expect(errorInfoOf(error).reason).toBe('INVALID_REQUEST')
    expect(await ingest(server, tooMany().slice(1), fresh())).toMatchObject({ accepted: 5000 })
  })

  test('more than 4 MiB', async () => {
    const events = Array.from({ length: 70 }, () => noted('x'.repeat(65_000)))
    const error = await failure(ingest(server, events, fresh()))
    expect(error.code).toBe(Code.RESOURCE_EXHAUSTED)
    expect(await ingest(server, events.slice(0, 60), fresh())).toMatchObject({ accepted: 60 })
  })

  test('2 million empty events in 4 MiB', async () => {
    const empty = Buffer.concat([Buffer.from('\x0a\x04test', 'latin1'), Buffer.alloc(4_000_000)])
    for (let i = 6; i < empty.length; i += 2) empty[i] = 0x1a
    const length = [0x80 | (empty.length & 0x7f), 0x80 | ((empty.length >> 7) & 0x7f)]
    const varint = [...length, 0x80 | ((empty.length >> 14) & 0x7f), empty.length >> 21]
    const error = await failure(sendBytes(Buffer.concat([Buffer.from([0x0a, ...varint]), empty])))
    expect(error.details).toContain('got 2000000')
  })

  test.each([
    ['no batch', undefined, 'batch'],
    ['no source', { ...batchOf([]), source: '' }, 'batch.source'],
    ['a source with spaces', { ...batchOf([]), source: 'a b' }, 'batch.source'],
    ['a source of 10 kB', { ...batchOf([]), source: 'x'.repeat(10_000) }, 'batch.source'],
    ['an epoch of 64 bits', { ...batchOf([]), epoch: 2n ** 64n - 1n }, 'batch.epoch'],
  ])('%s', async (_, batch, field) => {
    const error = await failure(sendBytes(Buffer.from(IngestBatchRequest.encode({ batch }).finish())))
    expect(error.code).toBe(Code.INVALID_ARGUMENT)
    expect(error.details).toContain(field)
    expect(error.details.length).toBeLessThan(400)
  })

  test('an empty batch is none', async () => {
    expect(await ingest(server, [], fresh())).toMatchObject({ accepted: 0, ackedSeq: 0n, gaps: [] })
  })
})

describe('bytes that are not valid protobuf', () => {
  const good = Buffer.from(IngestBatchRequest.encode({ batch: batchOf([noted('x')]) }).finish())
  const BYTES: [string, Buffer][] = [
    ['cut short', good.subarray(0, -2)],
    ['of another kind', Buffer.from('{"batch":{}}')],
    ['all ones', Buffer.alloc(64, 0xff)],
    ['an event that reaches out of its batch', overlapping(good)],
  ]

  test.each(BYTES)('%s, on a unary call', async (_, bytes) => {
    const error = await failure(sendBytes(bytes))
    expect(error.code).toBe(Code.INVALID_ARGUMENT)
    expect(errorInfoOf(error).reason).toBe('INVALID_REQUEST')
    expect(await ingest(server, [noted('x')], fresh())).toMatchObject({ accepted: 1 })
  })

  test.each(BYTES)('%s, on a stream: what came before is acknowledged first', async (_, bytes) => {
    using neighbour = new IngestCall(server)
    neighbour.send([noted('x')], fresh())
    const call = server.ingest.makeBidiStreamRequest(
      IngestServiceService.ingest.path,
      (given: Buffer) => given,
      (answer: Buffer) => IngestResponse.decode(answer),
    )
    const answers: IngestResponse[] = []
    let error: ServiceError | undefined
    call.on('data', (answer: IngestResponse) => answers.push(answer))
    call.on('error', (failed: ServiceError) => {
      error = failed
    })
    const numbering = fresh()
    for (const seq of [1, 2, 3]) {
      const batch = batchOf([noted('x', { seq })], numbering)
      call.write(Buffer.from(IngestBatchRequest.encode({ batch }).finish()))
    }
    call.write(bytes)
    const ended = await until('the stream to fail', () => error)
    expect(ended.code).toBe(Code.INVALID_ARGUMENT)
    expect(errorInfoOf(ended).reason).toBe('INVALID_REQUEST')
    expect(answers.at(-1)?.ackedBatches).toBe(3n)
    neighbour.send([noted('x')], fresh())
    expect(await neighbour.finished()).toHaveLength(2)
  })
})

/** The last event of a batch says to be one byte shorter than what it holds. */
function overlapping(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const event = copy.indexOf(0x1a) + 1
  copy[event]! -= 1
  return copy
}

test('an attribute whose bytes are no value is refused by itself, and the machine can be read', async () => {
  const event = Buffer.from(Event.encode(looked({ broken: 'xxxx' })).finish())
  // The text says to be longer than it is.
  event[event.indexOf('xxxx') - 1] = 0x7f
  const neighbour = Event.encode(looked({ fine: true }, 'other')).finish()
  const fields = new BinaryWriter().uint32(0x0a).string('test').uint32(0x10).uint64(9n)
  for (const each of [event, neighbour]) fields.uint32(0x1a).bytes(each)
  const { outcome } = await sendBytes(
    Buffer.from(new BinaryWriter().uint32(0x0a).bytes(fields.finish()).finish()),
  )
  expect(reasonsOf(outcome!)).toEqual({ 0: 'INVALID_REQUEST' })
  expect(outcome).toMatchObject({ accepted: 1 })
  const { machine } = await callsOf(server).getMachine({ name: 'machines/web-0', view: MachineView.FULL })
  expect(machine!.facets.find(({ name }) => name.endsWith('/other'))!.attributes).toEqual({ fine: true })
})
