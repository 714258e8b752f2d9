import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Alias_Kind, type Machine, type MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import { MemoryLedger, noon } from '../../../test/harness/memory-ledger.ts'
import { at, batch, type ReportOptions, report, started } from '../../../test/harness/reports.ts'
import { isStrong } from './alias.ts'
import { RetireMachine } from './amend-resource.ts'

/** A ledger that has seen these machines, one a batch. */
function ledgerThatSaw(...refs: MachineRef[]): MemoryLedger {
  const ledger = new MemoryLedger()
  for (const ref of refs) see(ledger, ref)
  return ledger
}

function see(ledger: MemoryLedger, machine: MachineRef, options?: ReportOptions): void {
  const result = ledger.do(batch([report('machineObserved', { machine }, options)]))
  expect(result.refused).toEqual([])
}

const names = (ledger: MemoryLedger): string[] => ledger.all('machine').map(({ name }) => name)

const values = ({ aliases }: Machine): string[] =>
  aliases.map(({ kind, value }) => `${Alias_Kind[kind as never] ?? kind}=${value}`)

const valuesOf = (ledger: MemoryLedger, name: string) =>
  ledger.get('machine', name).aliases.map(({ value }) => value)

function retire(ledger: MemoryLedger, id: string): void {
  ledger.do(new RetireMachine({ id, method: 'RetireMachine', reason: 'gone', etag: '', principal: 'ann' }))
}

const conflictsOf = (ledger: MemoryLedger, name: string) =>
  ledger.get('machine', name).identityConflicts.map(({ alias, otherMachine }) => [alias?.value, otherMachine])

test('a strong alias finds the machine, whatever id comes with it', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: 'abc' }), at('other', { MACHINE_ID: 'abc' }))
  expect(names(ledger)).toEqual(['machines/web-0'])
})

test('each strong kind of alias finds the machine, and no weak one does', () => {
  for (const kind of Object.keys(Alias_Kind) as (keyof typeof Alias_Kind)[]) {
    if (kind === 'UNSPECIFIED' || kind === 'UNRECOGNIZED') continue
    const ledger = ledgerThatSaw(at('a', { [kind]: 'same' }), at('b', { [kind]: 'same' }))
    const strong = isStrong({ kind: Alias_Kind[kind], value: 'same' })
    expect(names(ledger), kind).toEqual(strong ? ['machines/a'] : ['machines/a', 'machines/b'])
  }
})

test('a machine that is named by aliases alone gets an id of its own', () => {
  const ledger = ledgerThatSaw(at('', { CERTNAME: 'web-0.example' }), at('', { CERTNAME: 'web-0.example' }))
  expect(names(ledger)).toHaveLength(1)
  expect(names(ledger)[0]).toMatch(/^machines\/machine-[0-9a-f]{12}$/)
})

test('a machine known by name alone is claimed by the first that brings strong aliases', () => {
  const ledger = ledgerThatSaw(at('web-0'), at('web-0', { MACHINE_ID: 'abc', HOSTNAME: 'web-0' }))
  expect(names(ledger)).toEqual(['machines/web-0'])
  see(ledger, at('ip-10-0-0-1', { MACHINE_ID: 'abc' }))
  expect(names(ledger)).toEqual(['machines/web-0'])
})

test('a machine learns aliases of other kinds as they come', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: 'abc' }), at('web-0', { CERTNAME: 'web-0.example' }))
  see(ledger, at('', { CERTNAME: 'web-0.example' }))
  expect(names(ledger)).toEqual(['machines/web-0'])
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['abc', 'web-0.example'])
})

test('a name that comes with other strong aliases is another machine, and both show the conflict', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: 'old' }), at('web-0', { MACHINE_ID: 'new' }))
  const [first, second] = names(ledger) as [string, string]
  expect(first).toBe('machines/web-0')
  expect(second).toMatch(/^machines\/web-0-[0-9a-f]{8}$/)
  expect(conflictsOf(ledger, first)).toEqual([['web-0', second]])
  expect(conflictsOf(ledger, second)).toEqual([['web-0', first]])
  see(ledger, at('web-0', { MACHINE_ID: 'new' }))
  see(ledger, at('web-0', { MACHINE_ID: 'old' }))
  expect(names(ledger)).toEqual([first, second])
})

test('an id of the full length leaves room for the suffix', () => {
  const id = 'w'.repeat(128)
  const ledger = ledgerThatSaw(at(id, { MACHINE_ID: 'old' }), at(id, { MACHINE_ID: 'new' }))
  for (const name of names(ledger)) expect(name.length).toBeLessThanOrEqual('machines/'.length + 128)
  expect(names(ledger)).toHaveLength(2)
})

test('a clone with the same machine-id and another cloud instance is another machine', () => {
  const ledger = ledgerThatSaw(
    at('web-0', { CLOUD_INSTANCE_ID: 'i-1', MACHINE_ID: 'image' }),
    at('web-1', { CLOUD_INSTANCE_ID: 'i-2', MACHINE_ID: 'image' }),
  )
  expect(names(ledger)).toEqual(['machines/web-0', 'machines/web-1'])
  expect(valuesOf(ledger, 'machines/web-1')).toEqual(['i-2'])
  expect(conflictsOf(ledger, 'machines/web-0')).toEqual([['image', 'machines/web-1']])
  expect(conflictsOf(ledger, 'machines/web-1')).toEqual([['image', 'machines/web-0']])
})

test('when aliases lead to two machines the strongest decides, and both show the conflict', () => {
  const ledger = ledgerThatSaw(
    at('a', { CERTNAME: 'cert' }),
    at('b', { HARDWARE_UUID: 'uuid' }),
    at('c', { CERTNAME: 'cert', HARDWARE_UUID: 'uuid' }),
  )
  expect(names(ledger)).toEqual(['machines/a', 'machines/b'])
  expect(conflictsOf(ledger, 'machines/b')).toEqual([['cert', 'machines/a']])
  expect(conflictsOf(ledger, 'machines/a')).toEqual([['cert', 'machines/b']])
  expect(valuesOf(ledger, 'machines/a')).toEqual(['cert'])
})

test('a conflict is noted once', () => {
  const clone = at('web-1', { CLOUD_INSTANCE_ID: 'i-2', MACHINE_ID: 'image' })
  const ledger = ledgerThatSaw(at('web-0', { CLOUD_INSTANCE_ID: 'i-1', MACHINE_ID: 'image' }), clone)
  const { head } = ledger
  for (let i = 0; i < 3; i++) see(ledger, clone)
  expect(ledger.head).toBe(head)
})

test('a fleet made of one image lands whole, and shows 100 of its conflicts', () => {
  const clone = (i: number) => at(`web-${i}`, { CLOUD_INSTANCE_ID: `i-${i}`, MACHINE_ID: 'image' })
  const ledger = new MemoryLedger()
  const reports = Array.from({ length: 150 }, (_, i) => report('machineObserved', { machine: clone(i) }))
  for (let i = 0; i < 2; i++) {
    expect(ledger.do(batch(reports.map((event) => ({ ...event, id: randomUUID() }))))).toMatchObject({
      accepted: 150,
      refused: [],
      revision: 150n,
    })
  }
  expect(names(ledger)).toHaveLength(150)
  expect(conflictsOf(ledger, 'machines/web-0')).toHaveLength(100)
  expect(conflictsOf(ledger, 'machines/web-149')).toEqual([['image', 'machines/web-0']])
})

test('a conflict is shown until one of the two is retired', () => {
  const ledger = ledgerThatSaw(
    at('web-0', { CLOUD_INSTANCE_ID: 'i-1', MACHINE_ID: 'image' }),
    at('web-1', { CLOUD_INSTANCE_ID: 'i-2', MACHINE_ID: 'image' }),
    at('web-2', { CLOUD_INSTANCE_ID: 'i-3', MACHINE_ID: 'image' }),
  )
  expect(conflictsOf(ledger, 'machines/web-0')).toHaveLength(2)
  const { head } = ledger
  retire(ledger, 'web-1')
  expect(ledger.head).toBe(head + 1n)
  expect(conflictsOf(ledger, 'machines/web-1')).toEqual([])
  expect(conflictsOf(ledger, 'machines/web-0')).toEqual([['image', 'machines/web-2']])
})

test('a machine set up anew under the name of a retired one is in conflict with none', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: 'old' }))
  retire(ledger, 'web-0')
  see(ledger, at('web-0', { MACHINE_ID: 'new' }))
  const second = names(ledger)[1]!
  expect(second).toMatch(/^machines\/web-0-/)
  expect(conflictsOf(ledger, 'machines/web-0')).toEqual([])
  expect(conflictsOf(ledger, second)).toEqual([])
})

test('a late report teaches a retired machine nothing', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: 'abc' }))
  retire(ledger, 'web-0')
  const { head } = ledger
  see(ledger, at('web-0', { MACHINE_ID: 'abc', CERTNAME: 'web-0.example', HOSTNAME: 'web-0' }))
  expect(ledger.head).toBe(head)
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['abc'])
})

test('weak aliases are those that were seen last', () => {
  const ledger = new MemoryLedger()
  see(ledger, at('web-0', { HOSTNAME: 'old', IP_ADDRESS: ['10.0.0.1', '10.0.0.2'] }), { at: 1 })
  see(ledger, at('web-0', { HOSTNAME: 'new', IP_ADDRESS: ['10.0.0.2', '10.0.0.3'] }), { at: 2 })
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['10.0.0.2', 'new', '10.0.0.3'])
  expect([...ledger.aliases.values()].map(({ alias }) => alias.value).sort()).toEqual([
    '10.0.0.2',
    '10.0.0.3',
    'new',
  ])
})

test('an address that a machine has no longer goes, also when no other takes its place', () => {
  const ledger = new MemoryLedger()
  see(ledger, at('web-0', { IP_ADDRESS: ['10.0.0.1', '10.0.0.2'] }), { at: 1 })
  see(ledger, at('web-0', { IP_ADDRESS: ['10.0.0.2'] }), { at: 2 })
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['10.0.0.2'])
  see(ledger, at('web-0', { HOSTNAME: 'web-0' }), { at: 3 })
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['10.0.0.2', 'web-0'])
})

test('a report that comes late does not bring back an old host name', () => {
  const ledger = new MemoryLedger()
  see(ledger, at('web-0', { HOSTNAME: 'new' }), { at: 100 })
  see(ledger, at('web-0', { HOSTNAME: 'old', FQDN: 'old.example' }), { at: 50 })
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['new', 'old.example'])
})

test('an alias that changes twice in one batch is known by its last value alone', () => {
  const ledger = new MemoryLedger()
  const seen = (hostname: string, seconds: number) =>
    report('machineObserved', { machine: at('web-0', { HOSTNAME: hostname }) }, { at: seconds })
  ledger.do(batch([seen('a', 1), seen('b', 2), seen('a', 3), seen('c', 4)]))
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['c'])
  expect([...ledger.aliases.values()].map(({ alias }) => alias.value)).toEqual(['c'])
})

test('an alias given twice is kept once', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: ['abc', 'abc'], HOSTNAME: ['h', 'h'] }))
  expect(valuesOf(ledger, 'machines/web-0')).toEqual(['abc', 'h'])
})

test('a batch that names one machine by its id and by its alias lands whole', () => {
  const ledger = ledgerThatSaw(at('web-0', { MACHINE_ID: 'abc' }))
  ledger.do(batch([started('web-0', 'airship', { at: 1 })]))
  const byAlias = report(
    'instanceStarted',
    { machine: at('elsewhere', { MACHINE_ID: 'abc' }), service: 'airship', version: '2' },
    { at: 3 },
  )
  const result = ledger.do(batch([started('web-0', 'other', { at: 2 }), byAlias]))
  expect(result).toMatchObject({ accepted: 2, refused: [] })
  expect(ledger.get('instance', 'instances/web-0~airship').runningVersion).toBe('2')
})

test('a batch that teaches a machine an alias and then uses it finds what runs there', () => {
  const ledger = ledgerThatSaw(at('web-0'))
  ledger.do(batch([started('web-0', 'airship', { at: 1 })]))
  const teaches = report('noteRecorded', {
    text: 'hello',
    machine: at('web-0', { MACHINE_ID: 'abc', CERTNAME: 'cert' }),
  })
  const uses = report(
    'instanceStarted',
    { machine: at('', { CERTNAME: 'cert' }), service: 'airship', version: '2' },
    { at: 3 },
  )
  expect(ledger.do(batch([teaches, uses]))).toMatchObject({ accepted: 2, refused: [] })
  expect(ledger.get('instance', 'instances/web-0~airship').runningVersion).toBe('2')
})

test('whatever refers to machines in whatever order: no alias has two machines, and nothing is made twice', () => {
  const kinds = ['CLOUD_INSTANCE_ID', 'MACHINE_ID', 'CERTNAME', 'HOSTNAME'] as const
  const aliases = fc.dictionary(fc.constantFrom(...kinds), fc.constantFrom('x', 'y', 'z'), { maxKeys: 3 })
  const ref = fc
    .record({ id: fc.constantFrom('', 'a', 'b', 'c'), aliases })
    .map(({ id, aliases }) => at(id, aliases))
    .filter(({ id, aliases }) => id !== '' || aliases.some(isStrong))
  const event = fc.record({ machine: ref, service: fc.constantFrom('s', 't'), at: fc.nat(100) })
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 4 }), { maxLength: 6 }), (batches) => {
      const ledger = new MemoryLedger()
      for (const events of batches) {
        const reports = events.map(({ at: seconds, ...value }) =>
          report('instanceStarted', value, { at: seconds }),
        )
        expect(ledger.do(batch(reports))).toMatchObject({ accepted: reports.length, refused: [] })
      }
      const machines = ledger.all('machine')
      const strong = machines.flatMap((machine) =>
        machine.aliases.filter(isStrong).map((a) => JSON.stringify(a)),
      )
      expect(new Set(strong).size).toBe(strong.length)
      expect([...ledger.aliases.values()].length).toBe(machines.flatMap(values).length)
      for (const machine of machines) {
        for (const { otherMachine, alias } of machine.identityConflicts) {
          expect(conflictsOf(ledger, otherMachine)).toContainEqual([alias?.value, machine.name])
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('the time a machine was last seen moves with what saw it, and not with what speaks of it', () => {
  const ledger = new MemoryLedger()
  see(ledger, at('web-0'), { at: 10 })
  ledger.do(batch([report('noteRecorded', { text: 'x', machine: at('web-0') }, { at: 20 })]))
  expect(ledger.observedAt('machines/web-0')).toBe(noon(10))
  see(ledger, at('web-0'), { at: 5 })
  expect(ledger.observedAt('machines/web-0')).toBe(noon(10))
})
