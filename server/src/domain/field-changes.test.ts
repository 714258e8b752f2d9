import { expect, test } from 'vitest'
import { Facet, Machine, Machine_Lifecycle } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Condition, Instance, Instance_State, Service } from '../../../proto/gen/holdfast/v1/service.ts'
import type { Resource } from '../../../proto/gen/holdfast/v1/watch.ts'
import { fieldChanges } from './field-changes.ts'

type Case = NonNullable<Resource['resource']>
const resource = (value: Case): Resource => ({ resource: value })
const told = (before: Case | undefined, after: Case): string[] =>
  fieldChanges(before === undefined ? undefined : resource(before), resource(after)).map(
    ({ field, oldValue, newValue }) => `${field}: ${oldValue} → ${newValue}`,
  )

const instance = (fields: Partial<Instance>): Case => ({
  $case: 'instance',
  value: Instance.fromPartial(fields),
})

test('an instance tells its versions, its state and its labels', () => {
  const before = instance({
    name: 'instances/a~b',
    etag: '1',
    state: Instance_State.RUNNING,
    runningVersion: '1',
    labels: { a: '1', b: '2' },
  })
  const after = instance({
    name: 'instances/a~b',
    etag: '2',
    revision: 9n,
    state: Instance_State.STOPPED,
    runningVersion: '1',
    exitCode: 0,
    labels: { a: '1', c: '3' },
  })
  expect(told(before, after)).toEqual([
    'state: RUNNING → STOPPED',
    'labels.b: 2 → ',
    'exit_code:  → 0',
    'labels.c:  → 3',
  ])
  expect(fieldChanges(resource(before), resource(after))[0]?.resource).toBe('instances/a~b')
})

test('a facet tells its attributes, whatever they hold', () => {
  const facet = (attributes: Record<string, unknown>): Case => ({
    $case: 'facet',
    value: Facet.fromPartial({ name: 'machines/a/facets/network', attributes }),
  })
  const before = facet({ same: [1, { a: 'b' }], count: 1, gone: true, list: ['x'] })
  const after = facet({ same: [1, { a: 'b' }], count: 2, list: ['x', 'y'] })
  expect(told(before, after)).toEqual(['count: 1 → 2', 'gone: true → ', 'list: ["x"] → ["x","y"]'])
})

test('a machine tells its life and its keys, and not what its facets tell', () => {
  const machine = (fields: Partial<Machine>): Case => ({
    $case: 'machine',
    value: Machine.fromPartial(fields),
  })
  const before = machine({ name: 'machines/a', lifecycle: Machine_Lifecycle.ACTIVE })
  const after = machine({
    name: 'machines/a',
    lifecycle: Machine_Lifecycle.RETIRED,
    retireReason: 'sold',
    aliases: [{ kind: 3, value: 'm-1' }],
    hardware: { cpuLogicalCount: 8 } as Machine['hardware'],
  })
  expect(told(before, after)).toEqual([
    'lifecycle: ACTIVE → RETIRED',
    'retire_reason:  → sold',
    'aliases.MACHINE_ID.m-1:  → m-1',
  ])
})

test('what is new tells all that is set', () => {
  const service = Service.fromPartial({
    name: 'services/a',
    owner: 'team',
    declaredVersions: [{ environment: 'production', version: '1' }],
  })
  expect(told(undefined, { $case: 'service', value: service })).toEqual([
    'owner:  → team',
    'declared_versions.production:  → 1',
  ])
  const condition = Condition.fromPartial({
    name: 'conditions/a',
    satisfyTime: { seconds: 1n },
    reason: 'done',
  })
  expect(told(undefined, { $case: 'condition', value: condition })).toEqual([
    'satisfy_time:  → 1970-01-01T00:00:01.000000Z',
    'reason:  → done',
  ])
})
