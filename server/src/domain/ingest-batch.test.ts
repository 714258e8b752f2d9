import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { MemoryLedger, noon } from '../../../test/harness/memory-ledger.ts'
import { at, batch, note, refusals, report, started } from '../../../test/harness/reports.ts'
import { MAX_GAPS } from './sequence.ts'

const ID = 'a0000000-0000-4000-8000-000000000001'
const DAY = 86_400

test('events that are taken are stored as they came', () => {
  const ledger = new MemoryLedger()
  const events = [note('a', { seq: 1, at: 5 }), started('web-0', 'airship', { seq: 2 })]
  expect(ledger.do(batch(events, { epoch: 7 }))).toEqual({
    source: 'test',
    epoch: 7,
    accepted: 2,
    duplicates: 0,
    refused: [],
    ackedSeq: 2,
    gaps: [],
    ledgerEpoch: 1n,
    revision: 1n,
  })
  expect(ledger.events).toMatchObject([
    {
      id: events[0]!.id,
      epoch: 7,
      seq: 1,
      type: 17,
      occurredAt: noon(5),
      principal: 'tester',
      revision: null,
    },
    { id: events[1]!.id, epoch: 7, seq: 2, type: 12, revision: 1n },
  ])
  expect(ledger.events.map(({ body }) => Event.decode(body))).toEqual(events)
})

test('the same event twice is one, in a batch, across batches, and in another case', () => {
  const ledger = new MemoryLedger()
  const event = note('a', { id: ID, seq: 1 })
  const again = { ...event, id: ID.toUpperCase() }
  expect(ledger.do(batch([event, event, again]))).toMatchObject({ accepted: 1, duplicates: 2 })
  expect(ledger.do(batch([again, event]))).toMatchObject({ accepted: 0, duplicates: 2, refused: [] })
  expect(ledger.do(batch([event], { source: 'other' }))).toMatchObject({ accepted: 1 })
  expect(ledger.events).toHaveLength(2)
})

test('the same event by a path without numbers and by one with them is one, and settles its number', () => {
  const ledger = new MemoryLedger()
  const event = note('a', { id: ID })
  ledger.do(batch([event]))
  expect(ledger.do(batch([{ ...event, seq: 1n }]))).toMatchObject({ duplicates: 1, ackedSeq: 1, gaps: [] })
})

test('a repeated heartbeat is a duplicate by its number, though no event of it is kept', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([started('web-0', 'airship', { seq: 1, at: 1 })]))
  const beat = report('instanceHeartbeat', { machine: at('web-0'), service: 'airship' }, { seq: 2, at: 2 })
  expect(ledger.do(batch([beat]))).toMatchObject({ accepted: 1 })
  expect(ledger.do(batch([beat]))).toMatchObject({ accepted: 0, duplicates: 1 })
})

test('a seq that names another event is refused, and the first stays', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([note('first', { seq: 1 })]))
  const result = ledger.do(batch([note('second', { seq: 1 }), note('third', { seq: 2 })]))
  expect(refusals(result)).toEqual({ 0: 'SEQ_REUSED' })
  expect(result).toMatchObject({ accepted: 1, ackedSeq: 2 })
  expect(ledger.events).toHaveLength(2)
  expect(ledger.do(batch([note('second', { seq: 1 })], { epoch: 2 }))).toMatchObject({ accepted: 1 })
})

test('what is wrong is refused by itself, settles its number, and its neighbours land', () => {
  const ledger = new MemoryLedger()
  const result = ledger.do(
    batch([
      note('ok', { seq: 1 }),
      note('', { seq: 2 }),
      started('web-0', 'airship', { seq: 3 }),
      note('late', { seq: 4, at: -500 * DAY }),
      note('early', { seq: 5, at: 2 * DAY }),
      { ...note('no payload', { seq: 6 }), payload: undefined },
      note('ok', { seq: 7 }),
    ]),
  )
  expect(refusals(result)).toEqual({
    1: 'INVALID_REQUEST',
    3: 'EVENT_TOO_OLD',
    4: 'EVENT_IN_FUTURE',
    5: 'INVALID_REQUEST',
  })
  expect(result).toMatchObject({ accepted: 3, ackedSeq: 7, gaps: [] })
})

test('a refused event that is sent again is refused again for the same reason', () => {
  const ledger = new MemoryLedger()
  const bad = note('', { seq: 1 })
  for (let i = 0; i < 2; i++) expect(refusals(ledger.do(batch([bad])))).toEqual({ 0: 'INVALID_REQUEST' })
})

test('the window of time: up to 10 minutes ahead, and as far back as events are kept', () => {
  const ledger = new MemoryLedger()
  ledger.now = noon(0)
  const times = {
    [-2 * DAY - 1]: 'EVENT_TOO_OLD',
    [-2 * DAY]: undefined,
    600: undefined,
    601: 'EVENT_IN_FUTURE',
  }
  for (const [seconds, reason] of Object.entries(times)) {
    const result = ledger.do(batch([note('x', { at: Number(seconds) })], { retentionDays: 2 }))
    expect(refusals(result)[0], seconds).toBe(reason)
  }
})

test.each([
  ['1970', '1970-01-01T00:00:00Z', 'EVENT_TOO_OLD'],
  ['2100', '2100-01-01T00:00:00Z', 'EVENT_IN_FUTURE'],
  ['the year 1', '0001-01-01T00:00:00Z', 'EVENT_TOO_OLD'],
  ['the year 9999', '9999-12-31T23:59:59Z', 'EVENT_IN_FUTURE'],
])('an event of %s is refused, with both times', (_, time, reason) => {
  const ledger = new MemoryLedger()
  const seconds = BigInt(Date.parse(time) / 1000)
  const result = ledger.do(batch([{ ...note('x'), occurredTime: { seconds, nanos: 0 } }]))
  expect(refusals(result)).toEqual({ 0: reason })
  expect(result.refused[0]!.error.metadata).toEqual({
    occurredTime: new Date(time).toISOString(),
    serverTime: '2026-11-22T13:00:00.000Z',
  })
})

test('a seq of the full 64 bits is refused, and told back as it was sent', () => {
  const ledger = new MemoryLedger()
  const result = ledger.do(batch([note('x', { seq: 18_446_744_073_709_551_615n }), note('y', { seq: 1 })]))
  expect(result.refused).toMatchObject([{ index: 0, seq: 18_446_744_073_709_551_615n }])
  expect(result).toMatchObject({ accepted: 1, ackedSeq: 1, gaps: [] })
})

test('an id that is no id is told back, cut at 64 bytes', () => {
  const ledger = new MemoryLedger()
  const result = ledger.do(
    batch([note('x', { id: 'é'.repeat(10_000) }), note('x', { id: `x${'é'.repeat(99)}` })]),
  )
  expect(result.refused.map(({ id }) => id)).toEqual(['é'.repeat(32), `x${'é'.repeat(31)}`])
})

test('a gap is shown, and closes when it is filled', () => {
  const ledger = new MemoryLedger()
  expect(ledger.do(batch([note('1', { seq: 1 }), note('5', { seq: 5 })]))).toMatchObject({
    ackedSeq: 5,
    gaps: [[2, 4]],
  })
  expect(ledger.do(batch([note('3', { seq: 3 })]))).toMatchObject({
    gaps: [
      [2, 2],
      [4, 4],
    ],
  })
  expect(ledger.do(batch([note('2', { seq: 2 }), note('4', { seq: 4 })]))).toMatchObject({ gaps: [] })
})

test('an event that would open a gap too many is refused and not settled: it lands when it is sent later', () => {
  const ledger = new MemoryLedger()
  const sparse = Array.from({ length: MAX_GAPS }, (_, i) => note('x', { seq: 2 * (i + 1) }))
  ledger.do(batch(sparse))
  const next = note('next', { seq: 2 * MAX_GAPS + 2 })
  const refused = ledger.do(batch([next]))
  expect(refusals(refused)).toEqual({ 0: 'QUOTA_EXCEEDED' })
  expect(refused.ackedSeq).toBe(2 * MAX_GAPS)
  ledger.do(batch([note('fills', { seq: 1 })]))
  expect(ledger.do(batch([next]))).toMatchObject({ accepted: 1, refused: [] })
})

test('whatever is sent, in whatever parts and however often: each event is stored once', () => {
  const sent = fc.array(
    fc.array(fc.record({ n: fc.integer({ min: 1, max: 12 }), source: fc.constantFrom('a', 'b') }), {
      maxLength: 6,
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(sent, (batches) => {
      const ledger = new MemoryLedger()
      const expected = new Set<string>()
      for (const events of batches) {
        for (const source of ['a', 'b']) {
          const own = events.filter((event) => event.source === source).map(({ n }) => n)
          const result = ledger.do(
            batch(
              own.map((n) =>
                note(String(n), { seq: n, id: `${ID.slice(0, -2)}${String(n).padStart(2, '0')}` }),
              ),
              { source },
            ),
          )
          const fresh = new Set(own.filter((n) => !expected.has(`${source}${n}`)))
          for (const n of own) expected.add(`${source}${n}`)
          expect(result).toMatchObject({
            accepted: fresh.size,
            duplicates: own.length - fresh.size,
            refused: [],
          })
        }
      }
      expect(ledger.events).toHaveLength(expected.size)
    }),
  )
})

test('commands of one batch see one another: the second source finds what the first made', () => {
  const ledger = new MemoryLedger()
  const results = ledger.run(
    batch([started('web-0', 'airship', { at: 1 })], { source: 'a' }),
    batch([report('instanceStopped', { machine: at('web-0'), service: 'airship' }, { at: 2 })], {
      source: 'b',
    }),
  )
  expect(results).toMatchObject([{ revision: 1n }, { revision: 2n }])
  expect(ledger.all('machine')).toHaveLength(1)
})
