import { describe, expect, test } from 'vitest'
import {
  DiscoveryRule,
  Finding_Decision,
  Finding_State,
} from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import { at, batch, report, started, stopped } from '../../../../test/harness/reports.ts'
import { timestampFromInstant } from '../instant.ts'
import { parseFindingName } from '../resource-name.ts'
import { ChangeRule } from './change-rule.ts'
import { ResolveFinding } from './resolve-finding.ts'

const redis = (pid: number, more: object = {}) => ({
  pid: BigInt(pid),
  executableName: 'redis-server',
  executablePath: '/usr/bin/redis-server',
  commandArgs: ['/usr/bin/redis-server', '127.0.0.1:6379'],
  userName: 'redis',
  listeningPorts: [6379],
  creationTime: timestampFromInstant(noon(pid - 10_000)),
  version: '7.0.15',
  ...more,
})

const scan = (seconds: number, processes: object[], complete = true, more: object = {}) =>
  batch([
    report('processesObserved', { machine: at('web-0'), processes, complete, ...more }, { at: seconds }),
  ])

const unchanged = (seconds: number) =>
  batch([report('machineHeartbeat', { machine: at('web-0'), processesUnchanged: true }, { at: seconds })])

const resolve = (decision: keyof typeof Finding_Decision, name = 'findings/web-0~redis') =>
  new ResolveFinding({
    key: parseFindingName(name)!,
    decision: Finding_Decision[decision] as 0 | 1 | 2 | 3,
    etag: '',
    reason: '',
    principal: 'ann',
  })

const finding = (ledger: MemoryLedger, name = 'findings/web-0~redis') => ledger.get('finding', name)
const instance = (ledger: MemoryLedger) => ledger.get('instance', 'instances/web-0~redis')

test('what runs is found, undecided, and is no instance yet; seen again it makes no revision', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(0, [redis(1)]))
  expect(finding(ledger)).toMatchObject({
    state: Finding_State.UNDECIDED,
    rule: 'redis',
    version: '7.0.15',
    process: { userName: 'redis', listeningPorts: [6379] },
  })
  expect(ledger.all('instance')).toEqual([])
  const { head } = ledger
  ledger.do(scan(60, [redis(1, { residentBytes: 12n })]))
  expect(ledger.head).toBe(head)
  expect(ledger.observedAt('findings/web-0~redis')).toBe(noon(60))
})

test('accepted, its instance follows: running, vanished in a complete scan, back again', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(0, [redis(1)]))
  ledger.do(resolve('ACCEPTED'))
  expect(finding(ledger).state).toBe(Finding_State.MONITORED)
  expect(instance(ledger)).toMatchObject({
    state: Instance_State.RUNNING,
    runningVersion: '7.0.15',
    process: { pid: 1n },
  })
  ledger.do(scan(60, [], false))
  expect(finding(ledger).state).toBe(Finding_State.MONITORED)
  expect(instance(ledger).state).toBe(Instance_State.RUNNING)
  ledger.do(scan(120, []))
  expect(finding(ledger)).toMatchObject({ state: Finding_State.VANISHED, present: false })
  expect(instance(ledger).state).toBe(Instance_State.VANISHED)
  ledger.do(scan(180, [redis(2, { version: '7.2.0' })]))
  expect(finding(ledger).state).toBe(Finding_State.MONITORED)
  expect(instance(ledger)).toMatchObject({ state: Instance_State.RUNNING, runningVersion: '7.2.0' })
})

test('another user or port than were accepted is a change, until it is accepted again', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(0, [redis(1)]))
  ledger.do(resolve('ACCEPTED'))
  const changes = [
    { userName: 'root' },
    { executablePath: '/opt/redis/redis-server' },
    { listeningPorts: [6379, 16379] },
  ]
  for (const [i, change] of changes.entries()) {
    ledger.do(scan(60 * (2 * i + 1), [redis(i + 2, change)]))
    expect(finding(ledger).state).toBe(Finding_State.CHANGED)
    ledger.do(scan(60 * (2 * i + 2), [redis(i + 2)]))
    expect(finding(ledger).state).toBe(Finding_State.MONITORED)
  }
  ledger.do(scan(600, [redis(9, { userName: 'root' })]))
  ledger.do(resolve('ACCEPTED'))
  expect(finding(ledger).state).toBe(Finding_State.MONITORED)
})

describe('what is missing', () => {
  const partial = { listComplete: true }

  test('vanishes in a scan of all processes without all ports, unless another of its service runs', () => {
    const ledger = new MemoryLedger()
    const second = redis(2, { listeningPorts: [6380], executablePath: '' })
    ledger.do(scan(0, [redis(1), second]))
    ledger.do(scan(60, [redis(3, { listeningPorts: [] })], false, partial))
    expect(finding(ledger, 'findings/web-0~redis~6380').present).toBe(true)
    ledger.do(scan(120, [], false, partial))
    expect(finding(ledger, 'findings/web-0~redis~6380').state).toBe(Finding_State.VANISHED)
    expect(finding(ledger).state).toBe(Finding_State.VANISHED)
  })

  test('does not vanish in a scan that could not see all, nor in a heartbeat', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(scan(60, [], false))
    ledger.do(unchanged(120))
    expect(finding(ledger)).toMatchObject({ state: Finding_State.UNDECIDED, present: true })
  })
})

describe('a scan that could not see all, of what ran before', () => {
  const unseen = { listeningPorts: [], executablePath: '', version: '' }
  const partial = { listComplete: true }

  test('leaves ports and path as they were seen, and makes no change of it', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(resolve('ACCEPTED'))
    const { head } = ledger
    ledger.do(scan(60, [redis(1, unseen)], false, partial))
    expect(finding(ledger)).toMatchObject({
      state: Finding_State.MONITORED,
      process: { listeningPorts: [6379], executablePath: '/usr/bin/redis-server' },
    })
    expect(ledger.head).toBe(head)
    expect(ledger.observedAt('findings/web-0~redis')).toBe(noon(60))
    ledger.do(scan(120, [redis(1, { ...unseen, listeningPorts: [16379] })], false, partial))
    expect(finding(ledger)).toMatchObject({
      state: Finding_State.CHANGED,
      process: { listeningPorts: [6379, 16379] },
    })
  })

  test('finds none of it a second time at the place of what has no port', () => {
    const ledger = new MemoryLedger()
    const second = redis(2, { listeningPorts: [6380] })
    ledger.do(scan(0, [second]))
    ledger.do(scan(60, [redis(2, unseen)], false, partial))
    expect(ledger.all('finding').map(({ name }) => name)).toEqual(['findings/web-0~redis~6380'])
    ledger.do(scan(120, [redis(1), second]))
    ledger.do(scan(180, [redis(2, unseen), redis(1, unseen)], false, partial))
    expect(ledger.all('finding').map(({ process }) => process?.pid)).toEqual([1n, 2n])
    expect(ledger.observedAt('findings/web-0~redis~6380')).toBe(noon(180))
  })

  test('says nothing of the ports of another process', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(scan(60, [redis(2, unseen)], false, partial))
    expect(finding(ledger).process).toMatchObject({ pid: 2n, listeningPorts: [] })
  })
})

test('a program of an interpreter is found once it has run for a minute, and then at any age', () => {
  const job = (pid: number, startedAt: number) => ({
    pid: BigInt(pid),
    executableName: 'python3',
    commandArgs: ['python3', 'job.py'],
    creationTime: timestampFromInstant(noon(startedAt)),
  })
  const ledger = new MemoryLedger()
  ledger.do(scan(0, [job(1, -30)]))
  expect(ledger.all('finding')).toEqual([])
  ledger.do(scan(40, [job(1, -30)]))
  ledger.do(scan(60, [job(2, 55)]))
  expect(finding(ledger, 'findings/web-0~job')).toMatchObject({ present: true, process: { pid: 2n } })
})

test('what newer scans showed to be gone is not found in one that arrives late', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(60, []))
  const { head } = ledger
  ledger.do(scan(30, [redis(1)]))
  expect(ledger.all('finding')).toEqual([])
  expect(ledger.head).toBe(head)
  ledger.do(scan(60, [redis(1)]))
  expect(finding(ledger).present).toBe(true)
})

test('nor is what was found before, and was gone in more than one of them', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(0, [redis(1)]))
  ledger.do(resolve('ACCEPTED'))
  ledger.do(scan(60, []))
  ledger.do(scan(120, []))
  ledger.do(scan(90, [redis(2)]))
  expect(finding(ledger).state).toBe(Finding_State.VANISHED)
  expect(instance(ledger).state).toBe(Instance_State.VANISHED)
  ledger.do(scan(150, [redis(2)]))
  expect(finding(ledger).state).toBe(Finding_State.MONITORED)
})

test('a scan that arrives late overturns nothing', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(60, [redis(1)]))
  ledger.do(resolve('ACCEPTED'))
  ledger.do(scan(30, []))
  expect(finding(ledger).state).toBe(Finding_State.MONITORED)
})

describe('decisions', () => {
  test('ignored it stays ignored, gone and back', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(resolve('IGNORED'))
    ledger.do(scan(60, []))
    ledger.do(scan(120, [redis(2)]))
    expect(finding(ledger)).toMatchObject({ state: Finding_State.IGNORED, decidedBy: 'ann' })
    expect(ledger.all('instance')).toEqual([])
  })

  test('enforced it stays enforced, and its instance tells that it is gone', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(resolve('ENFORCED'))
    ledger.do(scan(60, []))
    expect(finding(ledger)).toMatchObject({ state: Finding_State.ENFORCED, present: false })
    expect(instance(ledger).state).toBe(Instance_State.VANISHED)
  })

  test('what was never found can be enforced: it is absent, and its instance known, until a scan shows it', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, []))
    ledger.do(resolve('ENFORCED'))
    expect(finding(ledger)).toMatchObject({
      state: Finding_State.ENFORCED,
      present: false,
      decidedBy: 'ann',
      process: undefined,
    })
    expect(instance(ledger).state).toBe(Instance_State.KNOWN)
    ledger.do(scan(30, []))
    expect(finding(ledger).present).toBe(false)
    ledger.do(scan(60, [redis(1)]))
    expect(finding(ledger)).toMatchObject({ state: Finding_State.ENFORCED, present: true, rule: 'redis' })
    expect(instance(ledger)).toMatchObject({ state: Instance_State.RUNNING, runningVersion: '7.0.15' })
    ledger.do(scan(120, []))
    expect(finding(ledger)).toMatchObject({ state: Finding_State.ENFORCED, present: false })
    expect(instance(ledger).state).toBe(Instance_State.VANISHED)
  })

  test('nothing is enforced on a machine that nobody knows', () => {
    expect(() => new MemoryLedger().do(resolve('ENFORCED'))).toThrow('there is no machines/web-0')
  })

  test('a decision that is taken back stays back, though the instance is there', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(resolve('ACCEPTED'))
    ledger.do(resolve('UNSPECIFIED'))
    ledger.do(scan(60, [redis(1)]))
    expect(finding(ledger).state).toBe(Finding_State.UNDECIDED)
    expect(instance(ledger).state).toBe(Instance_State.RUNNING)
  })

  test('the same decision twice makes one revision', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    const first = ledger.do(resolve('ACCEPTED'))
    expect(ledger.do(resolve('ACCEPTED')).revision).toBe(first.revision)
  })

  test('about what has changed since it was read they are refused', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    const { etag } = finding(ledger)
    ledger.do(scan(60, [redis(1, { userName: 'root' })]))
    const key = parseFindingName('findings/web-0~redis')!
    const decision = Finding_Decision.ACCEPTED
    const late = new ResolveFinding({ key, decision, etag, reason: '', principal: 'ann' })
    expect(() => ledger.do(late)).toThrow('has changed since you read it')
  })

  test('of what is not there they are refused', () => {
    const ledger = new MemoryLedger()
    expect(() => ledger.do(resolve('ACCEPTED'))).toThrow('there is no findings/web-0~redis')
  })
})

describe('with the reports of scripts', () => {
  test('what a script reported is accepted at the next scan, and keeps the version of the script', () => {
    const ledger = new MemoryLedger()
    ledger.do(
      batch([report('instanceStarted', { machine: at('web-0'), service: 'redis', version: '2026-1' })]),
    )
    ledger.do(scan(60, [redis(1)]))
    ledger.do(scan(120, [redis(1)]))
    expect(finding(ledger).state).toBe(Finding_State.MONITORED)
    expect(instance(ledger)).toMatchObject({ runningVersion: '2026-1', process: { pid: 1n } })
  })

  test('what a script reports of something that was found already is one with it', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(
      batch([
        report(
          'instanceStarted',
          { machine: at('web-0'), service: 'redis', version: '2026-1', labels: { team: 'data' } },
          { at: 30 },
        ),
      ]),
    )
    // The agent sees what it saw before, and sends no scan.
    ledger.do(unchanged(60))
    expect(ledger.all('finding')).toHaveLength(1)
    expect(ledger.all('instance')).toHaveLength(1)
    expect(finding(ledger)).toMatchObject({
      state: Finding_State.MONITORED,
      decidedBy: 'test',
      decideReason: 'its instance was reported already',
    })
    expect(instance(ledger)).toMatchObject({
      runningVersion: '2026-1',
      labels: { team: 'data' },
      process: { pid: 1n, userName: 'redis' },
    })
  })

  test('a stop stays a stop while it does not run', () => {
    const ledger = new MemoryLedger()
    ledger.do(scan(0, [redis(1)]))
    ledger.do(resolve('ACCEPTED'))
    ledger.do(batch([stopped('web-0', 'redis', { at: 30 })]))
    ledger.do(scan(60, []))
    expect(instance(ledger).state).toBe(Instance_State.STOPPED)
    ledger.do(batch([started('web-0', 'redis', { at: 90 })]))
    expect(instance(ledger).state).toBe(Instance_State.RUNNING)
  })
})

describe('what a rule says of its services', () => {
  const rule = (more: object) =>
    new ChangeRule({
      ...{ name: 'discoveryRules/redis', method: 'PutDiscoveryRule', etag: '', reason: '', principal: 'ann' },
      rule: DiscoveryRule.fromPartial({ executables: ['redis-server'], serviceTemplate: 'redis', ...more }),
    })
  const told = {
    labels: { tier: 'cache', team: 'data' },
    serviceKind: 'redis',
    environmentTemplate: 'staging',
  }

  test('labels, kind and environment land on the instance and service', () => {
    const ledger = new MemoryLedger()
    ledger.do(rule(told))
    ledger.do(scan(0, [redis(1)], true, { interval: { seconds: 120n } }))
    expect(finding(ledger)).toMatchObject({
      labels: told.labels,
      serviceKind: 'redis',
      environment: 'staging',
    })
    ledger.do(resolve('ACCEPTED'))
    expect(instance(ledger)).toMatchObject({
      labels: told.labels,
      environment: 'staging',
      reportInterval: { seconds: 120n },
    })
    expect(ledger.get('service', 'services/redis').kind).toBe('redis')
  })

  test('labels follow the rule, and leave alone what somebody else has set', () => {
    const ledger = new MemoryLedger()
    ledger.do(rule(told))
    ledger.do(scan(0, [redis(1)]))
    ledger.do(resolve('ACCEPTED'))
    const says = (labels: object, seconds: number) =>
      ledger.do(
        batch([
          report('instanceStarted', { machine: at('web-0'), service: 'redis', labels }, { at: seconds }),
        ]),
      )
    says({ team: 'search', tier: '' }, 10)
    ledger.do(scan(20, [redis(1)]))
    expect(instance(ledger).labels).toEqual({ team: 'search' })
    ledger.do(rule({ ...told, labels: { team: 'infra', ring: '0' } }))
    ledger.do(scan(30, [redis(1)]))
    expect(instance(ledger).labels).toEqual({ team: 'search', ring: '0' })
    ledger.do(rule({ ...told, labels: {} }))
    ledger.do(scan(40, [redis(1)]))
    expect(instance(ledger).labels).toEqual({ team: 'search' })
    const { head } = ledger
    ledger.do(scan(50, [redis(1)]))
    expect(ledger.head).toBe(head)
  })

  test('what a script or a person told stands', () => {
    const ledger = new MemoryLedger()
    ledger.do(rule(told))
    ledger.do(
      batch([
        report('instanceStarted', { machine: at('web-0'), service: 'redis', environment: 'production' }),
      ]),
    )
    ledger.do(scan(10, [redis(1)]))
    ledger.do(scan(20, [redis(1)]))
    expect(instance(ledger)).toMatchObject({ environment: 'production', labels: told.labels })
  })
})
