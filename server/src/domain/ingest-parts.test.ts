import { expect, test } from 'vitest'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { at, report } from '../../../test/harness/reports.ts'
import { HoldfastError } from './error.ts'
import { decodeEvent, type IncomingEvent } from './incoming-event.ts'
import { IngestBatch, type IngestRequest, type IngestResult } from './ingest-batch.ts'
import { needsParts, partsOf, resultOf } from './ingest-parts.ts'

/** A batch of deployments to so many machines each; 0 is an event of another kind. */
const batchOf = (...machines: number[]): IngestRequest => ({
  source: 'ci',
  epoch: 1,
  events: machines.map((count, i) => eventOf(`event-${i}`, count)),
  encoded: machines.map((_, i) => Uint8Array.of(i)),
  principal: 'ci',
  retentionDays: 400,
})

function eventOf(id: string, count: number): IncomingEvent {
  const machines = Array.from({ length: count }, (_, i) => ({ id: `web-${i}` }))
  const payload =
    count === 0
      ? { $case: 'note', value: { text: 'x' } }
      : { $case: 'deploymentRecorded', value: { service: 'airship', machines } }
  return { id, seq: 0n, occurredTime: undefined, payload } as unknown as IncomingEvent
}

const partIds = (request: IngestRequest) => partsOf(request).map(({ events }) => events.map(({ id }) => id))

test('a part that is full fills a transaction, so that two of them are not written together', () => {
  const machines = Array.from({ length: 1000 }, (_, i) => at(`web-${i}`))
  const event = report('deploymentRecorded', { service: 'airship', version: '1', machines })
  const encoded = Buffer.from(Event.encode(event).finish())
  const five = { events: Array(5).fill(decodeEvent(encoded)), encoded: Array(5).fill(encoded) }
  expect(new IngestBatch({ ...batchOf(), ...five }).size).toBeGreaterThanOrEqual(1 << 20)
})

test('a batch is one part as long as its deployments are about no more than 5,000 machines', () => {
  const one = batchOf(1000, 0, 1000, 1000, 1000, 999)
  expect(partsOf(one)).toEqual([one])
  expect(needsParts(one.events)).toBe(false)
  const full = batchOf(...Array<number>(5000).fill(0))
  expect(partsOf(full)).toHaveLength(1)
  expect(partsOf(batchOf())).toHaveLength(1)
})

test('a larger batch comes in parts, in order, each event with its own bytes', () => {
  const large = batchOf(1000, 1000, 1000, 1000, 1000, 1000, 0)
  expect(needsParts(large.events)).toBe(true)
  expect(partIds(large)).toEqual([
    ['event-0', 'event-1', 'event-2', 'event-3', 'event-4'],
    ['event-5', 'event-6'],
  ])
  expect(partsOf(large)[1]!.encoded).toEqual([Uint8Array.of(5), Uint8Array.of(6)])
})

test('what became of the parts is told by the places in the whole, as the last part left it', () => {
  const parts = partsOf(batchOf(1000, 1000, 1000, 1000, 1000, 1000, 0))
  const error = new HoldfastError('INVALID_REQUEST', 'no')
  const first = resultWith({ accepted: 4, refused: [{ index: 1, id: 'event-1', seq: 2n, error }] })
  const second = resultWith({
    accepted: 0,
    duplicates: 1,
    refused: [{ index: 1, id: 'event-6', seq: 7n, error }],
    ackedSeq: 7,
    revision: 9n,
  })
  const whole = resultOf(parts, [first, second])
  expect(whole).toMatchObject({ accepted: 4, duplicates: 1, ackedSeq: 7, revision: 9n })
  expect(whole.refused.map(({ index }) => index)).toEqual([1, 6])
  expect(() => resultOf(parts, [first, { ...second, ledgerEpoch: 2n }])).toThrow(/new epoch/)
})

const resultWith = (more: Partial<IngestResult>): IngestResult => ({
  source: 'ci',
  epoch: 1,
  accepted: 0,
  duplicates: 0,
  refused: [],
  ackedSeq: 5,
  gaps: [],
  ledgerEpoch: 1n,
  revision: 5n,
  ...more,
})
