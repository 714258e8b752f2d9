import { expect, test } from 'vitest'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { Machine_Lifecycle } from '../../../proto/gen/holdfast/v1/machine.ts'
import { MemoryLedger } from '../../../test/harness/memory-ledger.ts'
import { batch, started } from '../../../test/harness/reports.ts'
import {
  type Amendment,
  type Declaration,
  DeclareService,
  RestoreMachine,
  RetireMachine,
  UpdateMachine,
} from './amend-resource.ts'
import { timestampFromInstant } from './instant.ts'

const amendment = (more: Partial<Amendment> = {}): Amendment => ({
  id: 'web-0',
  method: 'Test',
  reason: 'because',
  etag: '',
  principal: 'ann',
  ...more,
})

const declaration = (more: Partial<Declaration> = {}): Declaration => ({
  kind: '',
  owner: '',
  labels: {},
  environment: '',
  version: '',
  ...more,
})

function ledgerWithWeb0(): MemoryLedger {
  const ledger = new MemoryLedger()
  ledger.do(batch([started('web-0', 'airship')]))
  return ledger
}

const declare = (more: Partial<Declaration>, amend: Partial<Amendment> = {}) =>
  new DeclareService(amendment({ id: 'airship', method: 'DeclareService', ...amend }), declaration(more))

const throwing = (reason: string) => expect.objectContaining({ reason })

test('labels are set and removed, and the change stands on the timeline', () => {
  const ledger = ledgerWithWeb0()
  ledger.do(new UpdateMachine(amendment(), { rack: 'r1', team: 'flight' }))
  const { resource, revision } = ledger.do(
    new UpdateMachine(amendment({ method: 'UpdateMachine' }), { rack: 'r2', team: '' }),
  )
  expect(resource.labels).toEqual({ rack: 'r2' })
  expect(revision).toBe(3n)
  expect(ledger.get('machine', 'machines/web-0').labels).toEqual({ rack: 'r2' })
  const last = ledger.events.at(-1)!
  expect(last).toMatchObject({ type: 30, principal: 'ann', revision: 3n, machineId: 2n })
  expect(Event.decode(last.body).payload).toEqual({
    $case: 'resourceAmended',
    value: { resource: 'machines/web-0', method: 'UpdateMachine', reason: 'because' },
  })
})

test('a change that changes nothing makes no revision and no event', () => {
  const ledger = ledgerWithWeb0()
  const { revision } = ledger.do(new UpdateMachine(amendment(), { rack: '' }))
  expect(revision).toBe(1n)
  ledger.do(new RestoreMachine(amendment()))
  expect(ledger.head).toBe(1n)
  expect(ledger.events).toHaveLength(1)
})

test('one label too many is refused, and removing one with too many is not', () => {
  const ledger = ledgerWithWeb0()
  const labels = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 'x']))
  ledger.do(new UpdateMachine(amendment(), labels(64)))
  expect(() => ledger.do(new UpdateMachine(amendment(), { more: 'x' }))).toThrow(throwing('INVALID_REQUEST'))
  expect(ledger.head).toBe(2n)
  ledger.do(new UpdateMachine(amendment(), { l0: '', more: 'x' }))
  expect(ledger.head).toBe(3n)
})

test('a stale etag is refused and changes nothing; the current one passes', () => {
  const ledger = ledgerWithWeb0()
  const { etag } = ledger.get('machine', 'machines/web-0')
  ledger.do(new UpdateMachine(amendment({ etag }), { rack: 'r1' }))
  expect(() => ledger.do(new UpdateMachine(amendment({ etag }), { rack: 'r2' }))).toThrow(
    throwing('ETAG_MISMATCH'),
  )
  expect(ledger.head).toBe(2n)
  expect(ledger.get('machine', 'machines/web-0').labels).toEqual({ rack: 'r1' })
})

test('two updates with one etag in one batch: the second is refused', () => {
  const ledger = ledgerWithWeb0()
  const { etag } = ledger.get('machine', 'machines/web-0')
  const results = ledger.run(
    new UpdateMachine(amendment({ etag }), { rack: 'r1' }),
    new UpdateMachine(amendment({ etag }), { rack: 'r2' }),
  )
  expect(results).toMatchObject([{ revision: 2n }, { reason: 'ETAG_MISMATCH' }])
})

test('a machine that is not there is not found', () => {
  const ledger = new MemoryLedger()
  for (const command of [
    new UpdateMachine(amendment(), {}),
    new RetireMachine(amendment()),
    new RestoreMachine(amendment()),
  ]) {
    expect(() => ledger.do(command)).toThrow(throwing('NOT_FOUND'))
  }
})

test('a machine is retired with time and reason, and taken back into use without', () => {
  const ledger = ledgerWithWeb0()
  const retired = ledger.do(new RetireMachine(amendment({ reason: 'sold' })))
  expect(retired.resource).toMatchObject({
    lifecycle: Machine_Lifecycle.RETIRED,
    retireReason: 'sold',
    retireTime: timestampFromInstant(ledger.now),
  })
  const again = ledger.do(new RetireMachine(amendment({ reason: 'sold again' })))
  expect(again).toMatchObject({ revision: 2n, resource: { retireReason: 'sold' } })
  expect(ledger.do(new RestoreMachine(amendment())).resource).toMatchObject({
    lifecycle: Machine_Lifecycle.ACTIVE,
    retireReason: '',
    retireTime: undefined,
  })
})

test('declaring makes a service, and says nothing when it says nothing new', () => {
  const ledger = new MemoryLedger()
  const made = ledger.do(declare({ kind: 'web', owner: 'flight', environment: 'production', version: '1' }))
  expect(made).toMatchObject({
    revision: 1n,
    resource: {
      name: 'services/airship',
      kind: 'web',
      owner: 'flight',
      declaredVersions: [{ environment: 'production', version: '1', declaredBy: 'ann' }],
    },
  })
  expect(ledger.do(declare({ kind: 'web', environment: 'production', version: '1' })).revision).toBe(1n)
  expect(ledger.events).toHaveLength(1)
})

test('declared versions stand one an environment, by name', () => {
  const ledger = new MemoryLedger()
  for (const environment of ['staging', 'production', 'dev'])
    ledger.do(declare({ environment, version: '1' }))
  ledger.do(declare({ environment: 'production', version: '2' }))
  const { declaredVersions } = ledger.get('service', 'services/airship')
  expect(declaredVersions.map(({ environment, version }) => [environment, version])).toEqual([
    ['dev', '1'],
    ['production', '2'],
    ['staging', '1'],
  ])
})

test('an etag for a service that is not there is refused, and the service is not made', () => {
  const ledger = new MemoryLedger()
  expect(() => ledger.do(declare({ kind: 'web' }, { etag: '1' }))).toThrow(throwing('ETAG_MISMATCH'))
  expect(ledger.all('service')).toEqual([])
})

test('a service that would be made by a refused declaration is not made', () => {
  const ledger = new MemoryLedger()
  const labels = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x']))
  expect(() => ledger.do(declare({ labels }))).toThrow(throwing('INVALID_REQUEST'))
  expect(ledger.head).toBe(0n)
  expect(ledger.all('service')).toEqual([])
})
