import { expect, test } from 'vitest'
import { Finding, Finding_State } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { Lock, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { Facet, Machine, Machine_Lifecycle } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { Run, Run_State } from '../../../../proto/gen/holdfast/v1/run.ts'
import { Condition, Instance, Instance_State, Service } from '../../../../proto/gen/holdfast/v1/service.ts'
import type { Resource } from '../../../../proto/gen/holdfast/v1/watch.ts'
import { KIND_NAMES } from '../kind.ts'
import { compileWatchFilter } from './watch-filter.ts'

const RESOURCES: Resource[] = [
  {
    $case: 'machine' as const,
    value: Machine.fromPartial({
      name: 'machines/web-0',
      lifecycle: Machine_Lifecycle.ACTIVE,
      labels: { env: 'p' },
    }),
  },
  {
    $case: 'facet' as const,
    value: Facet.fromPartial({ name: 'machines/web-0/facets/os', machine: 'machines/web-0' }),
  },
  {
    $case: 'service' as const,
    value: Service.fromPartial({ name: 'services/airship', labels: { env: 'q' } }),
  },
  {
    $case: 'instance' as const,
    value: Instance.fromPartial({
      name: 'instances/web-0~airship',
      machine: 'machines/web-0',
      service: 'services/airship',
      slot: 'main',
      environment: 'production',
      state: Instance_State.RUNNING,
      runningVersion: '1.2',
    }),
  },
  { $case: 'condition' as const, value: Condition.fromPartial({ name: 'conditions/migration:airship/1' }) },
].map((resource) => ({ resource }))

test.each([
  ['', ['machine', 'facet', 'service', 'instance', 'condition']],
  ['kind = instance', ['instance']],
  ['kind = FACET OR kind = condition', ['facet', 'condition']],
  ['kind != machine', ['facet', 'service', 'instance', 'condition']],
  ['service = "airship"', ['instance']],
  ['service = services/airship', ['instance']],
  ['machine = web-0', ['facet', 'instance']],
  ['machine = machines/web-*', ['facet', 'instance']],
  ['name = machines/web-0', ['machine']],
  ['name = web-0', ['machine']],
  ['name = "web-0*"', ['machine', 'facet', 'instance']],
  ['name = "migration:*"', ['condition']],
  ['lifecycle = ACTIVE', ['machine']],
  ['state = running AND running_version = 1.*', ['instance']],
  ['state != STOPPED', ['instance']],
  // A comparison with a field that is not there is false; its negation is true.
  ['NOT state = RUNNING', ['machine', 'facet', 'service', 'condition']],
  ['labels.env = p', ['machine']],
  ['labels:env', ['machine', 'service']],
  ['environment = production AND slot = main AND NOT deployed_version:*', ['instance']],
])('%j lets through %j', (text, kinds) => {
  const filter = compileWatchFilter(text)
  const passed = RESOURCES.filter(filter.matches).map(({ resource }) => resource!.$case)
  expect(passed).toEqual(kinds)
  // The kinds that it names are all that can pass, so that a snapshot need not look at others.
  expect(filter.kinds).toEqual(expect.arrayContaining(kinds))
})

const box = { environment: 'production', service: 'airship', machine: '*', name: '' }
const named = { environment: '', service: '', machine: '', name: 'db-migration' }
const ON_SCOPES: [string, Resource][] = [
  ['lock on a box', { resource: { $case: 'lock', value: Lock.fromPartial({ scopes: [box] }) } }],
  ['lock on a name', { resource: { $case: 'lock', value: Lock.fromPartial({ scopes: [named] }) } }],
  ['lock on both', { resource: { $case: 'lock', value: Lock.fromPartial({ scopes: [named, box] }) } }],
  ['hold on a box', { resource: { $case: 'hold', value: Hold.fromPartial({ scope: box }) } }],
  ['hold on a name', { resource: { $case: 'hold', value: Hold.fromPartial({ scope: named }) } }],
]
const ON_BOXES = ['lock on a box', 'lock on both', 'hold on a box']

test.each([
  ['service = "services/airship"', ON_BOXES],
  ['service = airship', ON_BOXES],
  ['service != "services/airship"', []],
  ['environment != "staging"', ON_BOXES],
  ['environment:*', ON_BOXES],
  ['NOT environment:*', ['lock on a name', 'hold on a name']],
  ['machine = "machines/web-0"', []],
])('%j lets through the locks and holds %j', (text, expected) => {
  const { matches } = compileWatchFilter(text)
  expect(ON_SCOPES.filter(([, resource]) => matches(resource)).map(([what]) => what)).toEqual(expected)
})

test('a filter on one kind shows that the others cannot pass', () => {
  expect(compileWatchFilter('kind = facet AND name = x').kinds).toEqual(['facet'])
  expect(compileWatchFilter('service = x').kinds).toEqual(['instance', 'lock', 'hold', 'finding', 'run'])
  expect(compileWatchFilter('kind = facet AND service = x').kinds).toEqual([])
  expect(compileWatchFilter('').kinds).toEqual(KIND_NAMES)
})

test.each([
  [Run.fromPartial({ state: Run_State.RUNNING }), 'run', 'RUNNING', 'FAILED'],
  [Finding.fromPartial({ state: Finding_State.UNDECIDED }), 'finding', 'UNDECIDED', 'MONITORED'],
  [Lock.fromPartial({ state: Lock_State.HELD }), 'lock', 'HELD', 'RUNNING'],
])('of states that kinds share, each is asked for its own: %#', (value, $case, state, other) => {
  const resource = { resource: { $case, value } } as Resource
  const matches = (name: string) =>
    compileWatchFilter(`kind = ${$case} AND state = ${name}`).matches(resource)
  expect([matches(state), matches(other)]).toEqual([true, false])
})

test('filters that say the same have the same key', () => {
  const key = (text: string): string => compileWatchFilter(text).key
  expect(key('kind = instance AND service = airship')).toBe(
    key('service = "airship" AND (kind = "instance")'),
  )
  expect(key('service = airship')).not.toBe(key('service = "airship*"'))
  expect(key('service = "*"')).not.toBe(key('service = "\\*"'))
})

test.each([
  ['colour = red', '1'],
  ['kind = machine AND memory_bytes > 1', '20'],
  ['kind = host', '8'],
  ['service = x AND state = ODD', '25'],
])('%j is refused at %s', (text, position) => {
  expect(() => compileWatchFilter(text)).toThrow(
    expect.objectContaining({ metadata: expect.objectContaining({ position }) }),
  )
})
