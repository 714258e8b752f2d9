import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Event } from '../../../../proto/gen/holdfast/v1/event.ts'
import { TimelineEntry_Effect } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import { facetOf, MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import { at, batch, type ReportOptions, report } from '../../../../test/harness/reports.ts'
import { RetireMachine, UpdateMachine } from '../amend-resource.ts'

const { CHANGED, SUPERSEDED } = TimelineEntry_Effect

type Attributes = Record<string, unknown>

interface Look extends ReportOptions {
  complete?: boolean
  labels?: Record<string, string>
}

/** An observation of web-0 with these facets. */
function look(
  facets: Record<string, Attributes>,
  { complete = true, labels = {}, ...options }: Look = {},
): Event {
  const observed = Object.entries(facets).map(([facet, attributes]) => ({ facet, attributes, complete }))
  return report('machineObserved', { machine: at('web-0'), facets: observed, labels }, options)
}

function ledgerWith(...events: Event[]): MemoryLedger {
  const ledger = new MemoryLedger()
  take(ledger, ...events)
  return ledger
}

function take(ledger: MemoryLedger, ...events: Event[]): void {
  for (const event of events) expect(ledger.do(batch([event])).refused).toEqual([])
}

const labelsOf = (ledger: MemoryLedger) => ledger.get('machine', 'machines/web-0').labels
const attributesOf = (ledger: MemoryLedger, facet: string) => facetOf(ledger, 'web-0', facet).attributes

/** What is kept of the last event: its facets' attributes. */
function keptOf(ledger: MemoryLedger): Record<string, unknown> {
  const { payload } = Event.decode(ledger.events.at(-1)!.body)
  if (payload?.$case !== 'machineObserved') throw new TypeError(`kept a ${payload?.$case}`)
  return Object.fromEntries(payload.value.facets.map(({ facet, attributes }) => [facet, attributes]))
}

test('a first look makes the machine and its facets in one revision', () => {
  const ledger = ledgerWith(
    look(
      {
        hardware: {
          'host.cpu.logical.count': 8,
          'host.memory.size': 16_000_000_000,
          'host.disk.size': 5e11,
          'host.disk.count': 2,
          'host.cpu.model.name': 'Ryzen',
        },
        os: { 'host.arch': 'amd64', 'os.type': 'linux', 'os.description': 'Debian' },
        own: { list: [1, { deep: null }] },
      },
      { labels: { rack: 'r1' }, at: 5 },
    ),
  )
  expect(ledger.head).toBe(1n)
  expect(ledger.get('machine', 'machines/web-0')).toMatchObject({
    labels: { rack: 'r1' },
    hardware: {
      cpuLogicalCount: 8,
      memoryBytes: 16_000_000_000n,
      diskBytes: 500_000_000_000n,
      diskCount: 2,
      cpuModel: 'Ryzen',
      arch: 'amd64',
      osType: 'linux',
      osDescription: 'Debian',
    },
  })
  expect(facetOf(ledger, 'web-0', 'own')).toMatchObject({
    name: 'machines/web-0/facets/own',
    machine: 'machines/web-0',
    attributes: { list: [1, { deep: null }] },
    changeRevision: 1n,
    source: 'test',
  })
})

test('figures that are no figures count as not known', () => {
  const ledger = ledgerWith(
    look({
      hardware: {
        'host.cpu.logical.count': 'many',
        'host.memory.size': Number.NaN,
        'host.disk.size': -1,
        'host.disk.count': 1e300,
        'host.cpu.model.name': 5,
      },
    }),
  )
  expect(ledger.get('machine', 'machines/web-0').hardware).toMatchObject({
    cpuLogicalCount: 0,
    memoryBytes: 0n,
    diskBytes: 0n,
    diskCount: 0,
    cpuModel: '',
  })
})

test('a look that finds everything as it was makes no revision and no event', () => {
  const facets = { hardware: { 'host.memory.size': 1, odd: Number.NaN, deep: { a: [1], b: 2 } } }
  const ledger = ledgerWith(look(facets, { at: 1 }))
  take(
    ledger,
    look({ hardware: { deep: { b: 2, a: [1] }, odd: Number.NaN, 'host.memory.size': 1 } }, { at: 2 }),
  )
  expect(ledger.head).toBe(1n)
  expect(ledger.events).toHaveLength(1)
  expect(ledger.observedAt('machines/web-0/facets/hardware')).toBe(noon(2))
  expect(ledger.observedAt('machines/web-0')).toBe(noon(2))
  expect(facetOf(ledger, 'web-0', 'hardware').changeRevision).toBe(1n)
})

test('of an event only what it changed is kept, what it removed as null', () => {
  const ledger = ledgerWith(look({ os: { a: 1, b: 2, c: 3 }, network: { ip: 'x' } }, { at: 1 }))
  expect(keptOf(ledger)).toEqual({ os: { a: 1, b: 2, c: 3 }, network: { ip: 'x' } })
  take(ledger, look({ os: { a: 1, b: 5, d: 4 }, network: { ip: 'x' } }, { at: 2 }))
  expect(keptOf(ledger)).toEqual({ os: { b: 5, c: null, d: 4 } })
  expect(attributesOf(ledger, 'os')).toEqual({ a: 1, b: 5, d: 4 })
})

test('a complete facet removes what it does not mention, a partial one keeps it', () => {
  const ledger = ledgerWith(look({ os: { a: 1, b: 2 } }, { at: 1 }))
  take(ledger, look({ os: { b: 3 } }, { at: 2, complete: false }))
  expect(attributesOf(ledger, 'os')).toEqual({ a: 1, b: 3 })
  take(ledger, look({ os: { b: 3 } }, { at: 3 }))
  expect(attributesOf(ledger, 'os')).toEqual({ b: 3 })
  take(ledger, look({ os: {} }, { at: 4, complete: false }))
  expect(attributesOf(ledger, 'os')).toEqual({ b: 3 })
})

test('a facet that is not mentioned stays as it is', () => {
  const ledger = ledgerWith(look({ os: { a: 1 }, network: { ip: 'x' } }, { at: 1 }))
  take(ledger, look({ os: { a: 2 } }, { at: 2 }))
  expect(attributesOf(ledger, 'network')).toEqual({ ip: 'x' })
  expect(ledger.observedAt('machines/web-0/facets/network')).toBe(noon(1))
})

test('facets end as the latest looks at them, in whatever order they come', () => {
  const attributes = fc.dictionary(fc.constantFrom('a', 'b', 'toString'), fc.integer({ min: 0, max: 2 }))
  const looks = fc
    .array(fc.tuple(fc.constantFrom('os', 'network'), attributes), { minLength: 1, maxLength: 8 })
    .map((list) => list.map(([facet, attributes], i) => ({ facet, attributes, at: i + 1 })))
    .chain((list) => fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }))
  fc.assert(
    fc.property(looks, (list) => {
      const ledger = ledgerWith(
        ...list.map(({ facet, attributes, at }) => look({ [facet]: attributes }, { at })),
      )
      for (const facet of new Set(list.map(({ facet }) => facet))) {
        const last = list.filter((one) => one.facet === facet).sort((a, b) => b.at - a.at)[0]!
        expect(attributesOf(ledger, facet)).toEqual(last.attributes)
        expect(ledger.observedAt(`machines/web-0/facets/${facet}`)).toBe(noon(last.at))
      }
    }),
  )
})

test('an attribute named like a method of JavaScript is one like any other', () => {
  const ledger = ledgerWith(look({ os: { constructor: 'x', toString: 'y', a: 1 } }, { at: 1 }))
  expect({ ...attributesOf(ledger, 'os') }).toEqual({ constructor: 'x', toString: 'y', a: 1 })
  take(ledger, look({ os: { a: 1 } }, { at: 2 }))
  expect(Object.keys(attributesOf(ledger, 'os')!)).toEqual(['a'])
})

test('a look that is older than what stands is on the timeline, and overturns neither facets nor labels', () => {
  const ledger = ledgerWith(look({ os: { a: 'new' } }, { at: 10, labels: { rack: 'new' } }))
  take(ledger, look({ os: { a: 'old' } }, { at: 5, labels: { rack: 'old' } }))
  expect(attributesOf(ledger, 'os')).toEqual({ a: 'new' })
  expect(ledger.get('machine', 'machines/web-0').labels).toEqual({ rack: 'new' })
  expect(ledger.events.map(({ effect }) => effect)).toEqual([CHANGED, SUPERSEDED])
})

test('a late look still brings a facet that nobody has seen since, and labels that nobody has told since', () => {
  const ledger = ledgerWith(look({ os: { a: 'new' } }, { at: 10, labels: { env: 'new' } }))
  take(
    ledger,
    look({ os: { a: 'old' }, network: { ip: 'x' } }, { at: 5, labels: { env: 'old', rack: 'r1' } }),
  )
  expect(attributesOf(ledger, 'os')).toEqual({ a: 'new' })
  expect(attributesOf(ledger, 'network')).toEqual({ ip: 'x' })
  expect(labelsOf(ledger)).toEqual({ env: 'new', rack: 'r1' })
})

test('labels that come without facets are as late as they were told', () => {
  const ledger = ledgerWith(look({}, { at: 10, labels: { env: 'b' } }))
  take(ledger, look({}, { at: 5, labels: { env: 'a' } }))
  expect(labelsOf(ledger)).toEqual({ env: 'b' })
  expect(ledger.events.map(({ effect }) => effect)).toEqual([CHANGED, SUPERSEDED])
})

test('a heartbeat that came before labels of an earlier time does not keep them out', () => {
  const ledger = ledgerWith(report('machineHeartbeat', { machine: at('web-0') }, { at: 10 }))
  take(ledger, look({}, { at: 9, labels: { env: 'a' } }))
  expect(labelsOf(ledger)).toEqual({ env: 'a' })
})

test('labels end as they were told last, in whatever order they come', () => {
  const labels = fc.dictionary(fc.constantFrom('a', 'b', 'toString'), fc.constantFrom('', 'x', 'y'))
  const looks = fc
    .array(labels, { minLength: 1, maxLength: 8 })
    .map((list) => list.map((labels, i) => ({ labels, at: i + 1 })))
    .chain((list) => fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }))
  fc.assert(
    fc.property(looks, (list) => {
      const ledger = ledgerWith(...list.map((options) => look({}, options)))
      const inOrder = list.toSorted((a, b) => a.at - b.at).flatMap(({ labels }) => Object.entries(labels))
      const last = [...new Map(inOrder)].filter(([, value]) => value !== '')
      expect(new Map(Object.entries(labelsOf(ledger)))).toEqual(new Map(last))
    }),
  )
})

test('what somebody set or removed by hand stands against what was told before, and not against what is told after', () => {
  const ledger = ledgerWith(look({}, { at: 5, labels: { env: 'a', rack: 'r1' } }))
  const amendment = { id: 'web-0', method: 'UpdateMachine', reason: '', etag: '', principal: 'ann' }
  ledger.now = noon(100)
  ledger.do(new UpdateMachine(amendment, { env: 'b', rack: '' }))
  take(ledger, look({}, { at: 50, labels: { env: 'a', rack: 'r1', team: 'web' } }))
  expect(labelsOf(ledger)).toEqual({ env: 'b', team: 'web' })
  ledger.now = noon(200)
  take(ledger, look({}, { at: 150, labels: { env: 'a' } }))
  expect(labelsOf(ledger)).toEqual({ env: 'a', team: 'web' })
  ledger.do(new UpdateMachine(amendment, { env: 'c' }))
  expect(labelsOf(ledger)).toEqual({ env: 'c', team: 'web' })
})

test('a look at a retired machine changes nothing', () => {
  const ledger = ledgerWith(look({ os: { a: 1 } }, { at: 1, labels: { rack: 'r1' } }))
  ledger.do(
    new RetireMachine({ id: 'web-0', method: 'RetireMachine', reason: 'gone', etag: '', principal: 'ann' }),
  )
  const { head } = ledger
  take(ledger, look({ os: { a: 2 }, network: {} }, { at: 2, labels: { rack: 'r2' } }))
  expect(ledger.head).toBe(head)
  expect(ledger.events.at(-1)!.effect).toBe(SUPERSEDED)
  expect(attributesOf(ledger, 'os')).toEqual({ a: 1 })
})

test('parts that add up to more than a facet may hold are refused, and the facet stays', () => {
  const part = (name: string) => ({ [name]: 'x'.repeat(600_000) })
  const ledger = ledgerWith(look({ own: part('a') }, { at: 1, complete: false }))
  const { head } = ledger
  const result = ledger.do(batch([look({ own: part('b') }, { at: 2, complete: false })]))
  expect(result.refused).toMatchObject([{ error: { reason: 'INVALID_REQUEST' } }])
  expect(ledger.head).toBe(head)
  expect(Object.keys(attributesOf(ledger, 'own')!)).toEqual(['a'])
  take(ledger, look({ own: part('b') }, { at: 3 }))
  expect(Object.keys(attributesOf(ledger, 'own')!)).toEqual(['b'])
})

test('a scan of processes makes no revision, but for the machine that it is the first to mention', () => {
  const scan = (options: ReportOptions) =>
    report(
      'processesObserved',
      { machine: at('web-0'), processes: [{ pid: 1n, executableName: 'init' }], complete: true },
      options,
    )
  const ledger = ledgerWith(scan({ at: 1 }), scan({ at: 2 }))
  expect(ledger.head).toBe(1n)
  expect(ledger.events).toHaveLength(1)
  expect(Event.decode(ledger.events[0]!.body).payload).toMatchObject({ value: { processes: [] } })
  expect(ledger.scans.get('machines/web-0')).toMatchObject({ observedAt: noon(2) })
  take(ledger, scan({ at: 1.5 }))
  expect(ledger.scans.get('machines/web-0')).toMatchObject({ observedAt: noon(2) })
})
