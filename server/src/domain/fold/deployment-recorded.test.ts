import { expect, test } from 'vitest'
import { DeploymentRecorded_Status, type Event } from '../../../../proto/gen/holdfast/v1/event.ts'
import { TimelineEntry_Effect } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import { MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import {
  at,
  batch,
  type Fields,
  type ReportOptions,
  report,
  started,
} from '../../../../test/harness/reports.ts'
import { RetireMachine } from '../amend-resource.ts'
import { timestampFromInstant } from '../instant.ts'

const { CHANGED, NONE, SUPERSEDED } = TimelineEntry_Effect
const { STARTED, SUCCEEDED, FAILED } = DeploymentRecorded_Status

const deployed = (version: string, options?: ReportOptions, more: Fields<'deploymentRecorded'> = {}): Event =>
  report(
    'deploymentRecorded',
    { service: 'airship', version, machines: [at('web-0')], status: SUCCEEDED, ...more },
    options,
  )

function ledgerWith(...events: Event[]): MemoryLedger {
  const ledger = new MemoryLedger()
  take(ledger, ...events)
  return ledger
}

function take(ledger: MemoryLedger, ...events: Event[]): void {
  for (const event of events) expect(ledger.do(batch([event])).refused).toEqual([])
}

const instance = (ledger: MemoryLedger, machine = 'web-0') =>
  ledger.get('instance', `instances/${machine}~airship`)

const effects = (ledger: MemoryLedger) => ledger.events.map(({ effect }) => effect)

test('a deployment sets the deployed version on every machine it names, in one revision', () => {
  const machines = [at('web-0'), at('web-1'), at('web-2')]
  const ledger = ledgerWith(
    deployed('2', { at: 5 }, { machines, deploymentId: 'd-1', environment: 'staging' }),
  )
  expect(ledger.head).toBe(1n)
  for (const machine of ['web-0', 'web-1', 'web-2']) {
    expect(instance(ledger, machine)).toMatchObject({
      deployedVersion: '2',
      deployTime: timestampFromInstant(noon(5)),
      deploymentId: 'd-1',
      environment: 'staging',
      runningVersion: '',
    })
  }
  expect(ledger.events).toMatchObject([{ effect: CHANGED, machineId: null, environment: 'staging' }])
  expect(ledger.events[0]!.targets).toHaveLength(3)
})

test('deployed and running versions stand side by side', () => {
  const ledger = ledgerWith(
    report('instanceStarted', { machine: at('web-0'), service: 'airship', version: '1' }, { at: 1 }),
    deployed('2', { at: 2 }),
  )
  expect(instance(ledger)).toMatchObject({ runningVersion: '1', deployedVersion: '2' })
  take(ledger, started('web-0', 'airship', { at: 3 }))
  expect(instance(ledger)).toMatchObject({ runningVersion: '1', deployedVersion: '2' })
})

test('one that began or failed is on the timeline only', () => {
  const ledger = ledgerWith(deployed('1', { at: 1 }))
  const { head } = ledger
  take(ledger, deployed('2', { at: 2 }, { status: STARTED }), deployed('2', { at: 3 }, { status: FAILED }))
  expect(ledger.head).toBe(head)
  expect(instance(ledger).deployedVersion).toBe('1')
  expect(effects(ledger)).toEqual([CHANGED, NONE, NONE])
})

test('one that began is the first to mention its service, which is a change', () => {
  const ledger = ledgerWith(deployed('2', { at: 2 }, { status: STARTED }))
  expect(effects(ledger)).toEqual([CHANGED])
  expect(ledger.all('instance')).toEqual([])
  expect(ledger.all('service').map(({ name }) => name)).toEqual(['services/airship'])
})

test('an older deployment does not overturn a newer one', () => {
  const ledger = ledgerWith(deployed('2', { at: 10 }), deployed('1', { at: 5 }))
  expect(instance(ledger).deployedVersion).toBe('2')
  expect(effects(ledger)).toEqual([CHANGED, SUPERSEDED])
})

test('a deployment is not older than a start, nor a start than a deployment', () => {
  const ledger = ledgerWith(started('web-0', 'airship', { at: 10 }), deployed('2', { at: 5 }))
  expect(instance(ledger).deployedVersion).toBe('2')
  take(ledger, deployed('3', { at: 20 }))
  take(ledger, report('instanceStopped', { machine: at('web-0'), service: 'airship' }, { at: 15 }))
  expect(instance(ledger).state).toBe(3)
})

test('the same deployment told twice under two ids of events changes nothing the second time', () => {
  const ledger = ledgerWith(deployed('2', { at: 1 }, { deploymentId: 'd-1' }))
  take(ledger, deployed('2', { at: 2 }, { deploymentId: 'd-1' }))
  expect(ledger.head).toBe(1n)
  take(ledger, deployed('2', { at: 3 }, { deploymentId: 'd-2' }))
  expect(instance(ledger).deploymentId).toBe('d-2')
})

test('a machine named twice is deployed to once', () => {
  const ledger = ledgerWith(deployed('2', {}, { machines: [at('web-0'), at('web-0')] }))
  expect(ledger.all('instance')).toHaveLength(1)
  expect(ledger.changes.map(({ kind }) => kind).sort()).toEqual(['instance', 'machine', 'service'])
})

test('of several machines, a retired one stays as it is', () => {
  const ledger = ledgerWith(deployed('1', { at: 1 }, { machines: [at('web-0'), at('web-1')] }))
  ledger.do(
    new RetireMachine({ id: 'web-1', method: 'RetireMachine', reason: 'gone', etag: '', principal: 'ann' }),
  )
  take(ledger, deployed('2', { at: 2 }, { machines: [at('web-0'), at('web-1')] }))
  expect(instance(ledger).deployedVersion).toBe('2')
  expect(instance(ledger, 'web-1').deployedVersion).toBe('1')
  expect(effects(ledger).at(-1)).toBe(CHANGED)
})

test('who recorded a deployment is the principal of the call, whoever it says deployed', () => {
  const ledger = ledgerWith(deployed('1', { at: 1 }, { author: 'ann' }), deployed('2', { at: 2 }))
  expect(ledger.events.map(({ principal }) => principal)).toEqual(['tester', 'tester'])
})
