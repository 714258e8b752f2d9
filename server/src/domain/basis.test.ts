import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { Instance_State } from '../../../proto/gen/holdfast/v1/service.ts'
import { TimelineEntry_Effect } from '../../../proto/gen/holdfast/v1/timeline.ts'
import { MemoryLedger, noon } from '../../../test/harness/memory-ledger.ts'
import { at, batch, type ReportOptions, report, started, stopped } from '../../../test/harness/reports.ts'

const AIRSHIP = 'instances/web-0~airship'
const { RUNNING, STOPPED } = Instance_State
const { CHANGED, SUPERSEDED } = TimelineEntry_Effect

const beat = (options: ReportOptions) =>
  report('instanceHeartbeat', { machine: at('web-0'), service: 'airship' }, options)

/** A ledger that was told these, each in a batch of its own. */
function ledgerWith(...events: Event[]): MemoryLedger {
  const ledger = new MemoryLedger()
  take(ledger, ...events)
  return ledger
}

function take(ledger: MemoryLedger, ...events: Event[]): void {
  for (const event of events) expect(ledger.do(batch([event])).refused).toEqual([])
}

const effects = (ledger: MemoryLedger) => ledger.events.map(({ effect }) => effect)

test('reports of one numbering are in the order of their numbers, whatever the clock said', () => {
  const ledger = ledgerWith(started('web-0', 'airship', { seq: 1, at: 100 }), beat({ seq: 2, at: 200 }))
  take(ledger, stopped('web-0', 'airship', { seq: 3, at: 50 }))
  expect(ledger.get('instance', AIRSHIP).state).toBe(STOPPED)
  expect(ledger.observedAt(AIRSHIP)).toBe(noon(200))
})

test('a stop that fills a gap does not stop what was seen running after it', () => {
  const ledger = ledgerWith(
    started('web-0', 'airship', { seq: 1, at: 1 }),
    beat({ seq: 3, at: 3 }),
    stopped('web-0', 'airship', { seq: 2, at: 2 }),
  )
  expect(ledger.get('instance', AIRSHIP).state).toBe(RUNNING)
  expect(effects(ledger)).toEqual([CHANGED, SUPERSEDED])
})

test('a later epoch comes after an earlier one, whatever the numbers and the clock', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([started('web-0', 'airship', { seq: 9, at: 100 })], { epoch: 1 }))
  ledger.do(batch([stopped('web-0', 'airship', { seq: 1, at: 50 })], { epoch: 2 }))
  expect(ledger.get('instance', AIRSHIP).state).toBe(STOPPED)
  ledger.do(batch([started('web-0', 'airship', { seq: 10, at: 200 })], { epoch: 1 }))
  expect(ledger.get('instance', AIRSHIP).state).toBe(STOPPED)
})

/** Streams of two sources, each in order of number and time, and no time twice. */
const twoStreams = fc
  .array(
    fc.record({
      source: fc.constantFrom('a', 'b'),
      kind: fc.constantFrom('instanceStarted', 'instanceStopped', 'instanceHeartbeat'),
      numbered: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((events) => {
    const seqs = { a: 0, b: 0 } as Record<string, number>
    return events.map(({ source, kind, numbered }, i) => {
      seqs[source]! += numbered ? 1 : 0
      const options = { at: i + 1, seq: numbered ? seqs[source]! : 0 }
      const event = report(kind as 'instanceStarted', { machine: at('web-0'), service: 'airship' }, options)
      return { source, event }
    })
  })

test('two sources told in any interleaving end in the same running state', () => {
  const interleaved = twoStreams.chain((stream) =>
    fc.tuple(fc.constant(stream), fc.array(fc.boolean(), { minLength: 12, maxLength: 12 })),
  )
  fc.assert(
    fc.property(interleaved, ([stream, choices]) => {
      const queues = { a: [] as Event[], b: [] as Event[] } as Record<string, Event[]>
      for (const { source, event } of stream) queues[source]!.push(event)
      const ledger = new MemoryLedger()
      for (const first of [...choices, true, true]) {
        const source = queues[first ? 'a' : 'b']!.length > 0 === first ? 'a' : 'b'
        const event = queues[source]!.shift()
        if (event !== undefined) ledger.do(batch([event], { source }))
      }
      for (const source of ['a', 'b']) {
        for (const event of queues[source]!) ledger.do(batch([event], { source }))
      }
      const inOrder = new MemoryLedger()
      for (const { source, event } of stream) inOrder.do(batch([event], { source }))
      expect(ledger.get('instance', AIRSHIP).state).toBe(inOrder.get('instance', AIRSHIP).state)
      expect(ledger.observedAt(AIRSHIP)).toBe(inOrder.observedAt(AIRSHIP))
    }),
    { numRuns: 200 },
  )
})

test('one source told in any order, with a clock that goes forward, ends in the same running state', () => {
  const shuffled = fc
    .array(fc.constantFrom('instanceStarted', 'instanceStopped', 'instanceHeartbeat'), {
      minLength: 1,
      maxLength: 7,
    })
    .map((kinds) =>
      kinds.map((kind, i) =>
        report(
          kind as 'instanceStarted',
          { machine: at('web-0'), service: 'airship' },
          { seq: i + 1, at: i + 1 },
        ),
      ),
    )
    .chain((events) =>
      fc.tuple(
        fc.constant(events),
        fc.shuffledSubarray(events, { minLength: events.length, maxLength: events.length }),
      ),
    )
  fc.assert(
    fc.property(shuffled, ([events, order]) => {
      const state = (ledger: MemoryLedger) => ledger.get('instance', AIRSHIP).state
      expect(state(ledgerWith(...order))).toBe(state(ledgerWith(...events)))
    }),
    { numRuns: 200 },
  )
})
