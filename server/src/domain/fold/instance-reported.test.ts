import { expect, test } from 'vitest'
import type { Event } from '../../../../proto/gen/holdfast/v1/event.ts'
import { Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { TimelineEntry_Effect } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import { MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import { at, batch, type ReportOptions, report, started, stopped } from '../../../../test/harness/reports.ts'
import { RestoreMachine, RetireMachine } from '../amend-resource.ts'
import { timestampFromInstant } from '../instant.ts'

const AIRSHIP = 'instances/web-0~airship'
const { KNOWN, RUNNING, STOPPED } = Instance_State
const { CHANGED, NONE, SUPERSEDED } = TimelineEntry_Effect

const beat = (options?: ReportOptions, version = '') =>
  report('instanceHeartbeat', { machine: at('web-0'), service: 'airship', version }, options)

const startedAs = (version: string, options?: ReportOptions) =>
  report('instanceStarted', { machine: at('web-0'), service: 'airship', version }, options)

const stoppedWith = (exitCode: number, options?: ReportOptions) =>
  report('instanceStopped', { machine: at('web-0'), service: 'airship', exitCode }, options)

function ledgerWith(...events: Event[]): MemoryLedger {
  const ledger = new MemoryLedger()
  take(ledger, ...events)
  return ledger
}

/** Each event in a batch of its own. */
function take(ledger: MemoryLedger, ...events: Event[]): void {
  for (const event of events) expect(ledger.do(batch([event])).refused).toEqual([])
}

const effects = (ledger: MemoryLedger) => ledger.events.map(({ effect }) => effect)

const amendment = { id: 'web-0', method: 'Test', reason: 'test', etag: '', principal: 'ann' }

test('a start makes the machine, the service and the instance in one revision', () => {
  const ledger = ledgerWith(
    report(
      'instanceStarted',
      {
        machine: at('web-0'),
        service: 'airship',
        slot: 'blue',
        version: '20110502',
        environment: 'staging',
        labels: { team: 'flight' },
        process: { pid: 17n, listeningPorts: [80] },
      },
      { at: 5 },
    ),
  )
  expect(ledger.head).toBe(1n)
  expect(ledger.changes.map(({ kind, revision }) => [kind, revision])).toEqual([
    ['machine', 1n],
    ['service', 1n],
    ['instance', 1n],
  ])
  expect(ledger.get('instance', 'instances/web-0~airship~blue')).toMatchObject({
    state: RUNNING,
    stateTime: timestampFromInstant(noon(5)),
    runningVersion: '20110502',
    deployedVersion: '',
    environment: 'staging',
    slot: 'blue',
    labels: { team: 'flight' },
    process: { pid: 17n, listeningPorts: [80] },
    observedTime: timestampFromInstant(noon(5)),
    revision: 1n,
  })
  expect(ledger.events).toMatchObject([
    { effect: CHANGED, revision: 1n, environment: 'staging', machineId: 2n, serviceId: 3n },
  ])
})

test('what is not told stays as it was', () => {
  const ledger = ledgerWith(
    report('instanceStarted', {
      machine: at('web-0'),
      service: 'airship',
      version: '1',
      environment: 'staging',
    }),
    started('web-0', 'airship', { at: 1 }),
  )
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({ runningVersion: '1', environment: 'staging' })
  expect(ledgerWith(started('web-0', 'airship')).get('instance', AIRSHIP).environment).toBe('production')
})

test('a stop keeps the version, and says the exit code until the next start', () => {
  const ledger = ledgerWith(startedAs('1', { at: 1 }), stoppedWith(137, { at: 2 }))
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({
    state: STOPPED,
    stateTime: timestampFromInstant(noon(2)),
    runningVersion: '1',
    exitCode: 137,
  })
  take(ledger, started('web-0', 'airship', { at: 3 }))
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({ state: RUNNING, exitCode: undefined })
})

test('a second stop is on the timeline and changes nothing', () => {
  const ledger = ledgerWith(started('web-0', 'airship', { at: 1 }), stoppedWith(1, { at: 2 }))
  take(ledger, stoppedWith(0, { at: 3 }))
  expect(ledger.head).toBe(2n)
  expect(effects(ledger)).toEqual([CHANGED, CHANGED, NONE])
  expect(ledger.get('instance', AIRSHIP).exitCode).toBe(1)
  expect(ledger.observedAt(AIRSHIP)).toBe(noon(3))
})

test('a stop of what nobody knew makes it known as stopped', () => {
  expect(ledgerWith(stoppedWith(0)).get('instance', AIRSHIP).state).toBe(STOPPED)
})

test('a start without a process is a restart; the same process told again is not', () => {
  const process = { pid: 17n, creationTime: timestampFromInstant(noon(0)) }
  const told = (options: ReportOptions, labels = {}) =>
    report('instanceStarted', { machine: at('web-0'), service: 'airship', process, labels }, options)
  const ledger = ledgerWith(told({ at: 1 }), told({ at: 2 }))
  expect(ledger.head).toBe(1n)
  expect(ledger.observedAt(AIRSHIP)).toBe(noon(2))
  take(ledger, told({ at: 3 }, { team: 'flight' }))
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({
    labels: { team: 'flight' },
    stateTime: timestampFromInstant(noon(1)),
  })
  take(ledger, started('web-0', 'airship', { at: 4 }))
  expect(ledger.get('instance', AIRSHIP).stateTime).toEqual(timestampFromInstant(noon(4)))
})

test('a heartbeat that is no news makes no revision and no event', () => {
  const ledger = ledgerWith(startedAs('1', { at: 1 }), beat({ at: 2 }), beat({ at: 3 }, '1'))
  expect(ledger.head).toBe(1n)
  expect(ledger.events).toHaveLength(1)
  expect(ledger.observedAt(AIRSHIP)).toBe(noon(3))
})

test('a heartbeat is news when the instance was new, stopped, or of another version', () => {
  expect(ledgerWith(beat({ at: 1 })).get('instance', AIRSHIP).state).toBe(RUNNING)
  const ledger = ledgerWith(startedAs('1', { at: 1 }), beat({ at: 2 }, '2'))
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({
    runningVersion: '2',
    stateTime: timestampFromInstant(noon(1)),
  })
  take(ledger, stoppedWith(1, { at: 3 }), beat({ at: 4 }))
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({
    state: RUNNING,
    stateTime: timestampFromInstant(noon(4)),
    exitCode: undefined,
  })
  expect(effects(ledger)).toEqual([CHANGED, CHANGED, CHANGED, CHANGED])
})

test('a report that is older than what the state rests on stays on the timeline', () => {
  const ledger = ledgerWith(stopped('web-0', 'airship', { at: 10 }), started('web-0', 'airship', { at: 5 }))
  expect(ledger.get('instance', AIRSHIP).state).toBe(STOPPED)
  expect(effects(ledger)).toEqual([CHANGED, SUPERSEDED])
  expect(ledger.observedAt(AIRSHIP)).toBe(noon(10))
})

test('a report that is older than the last time it was seen running does not stop it', () => {
  const ledger = ledgerWith(started('web-0', 'airship', { at: 1 }), beat({ at: 10 }))
  take(ledger, stopped('web-0', 'airship', { at: 5 }))
  expect(ledger.get('instance', AIRSHIP).state).toBe(RUNNING)
})

test('a clock that is ahead counts from when the event was recorded', () => {
  const ledger = new MemoryLedger()
  ledger.now = noon(0)
  ledger.do(batch([started('web-0', 'airship', { at: 300 })]))
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({
    stateTime: timestampFromInstant(noon(0)),
    observedTime: timestampFromInstant(noon(0)),
  })
  ledger.now = noon(10)
  ledger.do(batch([stopped('web-0', 'airship', { at: 10 })]))
  expect(ledger.get('instance', AIRSHIP).state).toBe(STOPPED)
})

test('a retired machine is not revived by late data, and is by RestoreMachine', () => {
  const ledger = ledgerWith(started('web-0', 'airship', { at: 1 }))
  ledger.do(new RetireMachine(amendment))
  const { head } = ledger
  take(ledger, stopped('web-0', 'airship', { at: 2 }), beat({ at: 3 }))
  expect(ledger.head).toBe(head)
  expect(effects(ledger)).toEqual([CHANGED, CHANGED, SUPERSEDED])
  expect(ledger.get('instance', AIRSHIP).state).toBe(RUNNING)
  ledger.do(new RestoreMachine(amendment))
  take(ledger, stopped('web-0', 'airship', { at: 4 }))
  expect(ledger.get('instance', AIRSHIP).state).toBe(STOPPED)
})

test('one label too many is refused, and leaves no trace of its event but its number', () => {
  const labels = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${from + i}`, 'x']))
  const ledger = ledgerWith(
    report(
      'instanceStarted',
      { machine: at('web-0'), service: 'airship', labels: labels(0, 64) },
      { seq: 1 },
    ),
  )
  const { head } = ledger
  const result = ledger.do(
    batch([
      report(
        'instanceStarted',
        { machine: at('web-0', { MACHINE_ID: 'abc' }), service: 'airship', labels: labels(64, 1) },
        { seq: 2 },
      ),
      started('web-0', 'other', { seq: 3 }),
    ]),
  )
  expect(result).toMatchObject({ accepted: 1, ackedSeq: 3, gaps: [] })
  expect(result.refused).toMatchObject([{ index: 0, seq: 2n, error: { reason: 'INVALID_REQUEST' } }])
  expect(ledger.head).toBe(head + 1n)
  expect(ledger.changes.map(({ revision }) => revision)).toEqual([1n, 1n, 1n, 2n, 2n])
  expect(ledger.get('machine', 'machines/web-0')).toMatchObject({ aliases: [], revision: 1n })
  expect(ledger.aliases.size).toBe(0)
  expect(Object.keys(ledger.get('instance', AIRSHIP).labels)).toHaveLength(64)
})

test('an instance that was only deployed is known, and not running', () => {
  const ledger = ledgerWith(
    report('deploymentRecorded', { service: 'airship', version: '1', machines: [at('web-0')], status: 2 }),
  )
  expect(ledger.get('instance', AIRSHIP)).toMatchObject({ state: KNOWN, observedTime: undefined })
})
