import { expect, test } from 'vitest'
import {
  DiscoveryRule,
  Finding_Decision,
  Finding_State,
} from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { MemoryLedger } from '../../../../test/harness/memory-ledger.ts'
import { at, batch, report } from '../../../../test/harness/reports.ts'
import { parseFindingName } from '../resource-name.ts'
import { ChangeRule } from './change-rule.ts'
import { RefoldScan } from './refold-scan.ts'
import { ResolveFinding } from './resolve-finding.ts'

const puma = {
  pid: 7n,
  executableName: 'ruby',
  commandArgs: ['puma 5.0 (tcp://0:3000) [airship]'],
  userName: 'deploy',
  listeningPorts: [3000],
  creationTime: { seconds: 1_795_000_000n, nanos: 0 },
}

const scan = (seconds: number, processes: object[]) =>
  batch([report('processesObserved', { machine: at('web-0'), processes, complete: true }, { at: seconds })])

const put = (rule: Partial<DiscoveryRule>, name = 'discoveryRules/puma') =>
  new ChangeRule({
    ...{ name, method: 'PutDiscoveryRule', etag: '', reason: '', principal: 'ann' },
    rule: DiscoveryRule.fromPartial(rule),
  })

const drop = (name: string) =>
  new ChangeRule({
    ...{ name, method: 'DeleteDiscoveryRule', rule: undefined, etag: '', reason: '', principal: 'ann' },
  })

const refold = (ledger: MemoryLedger) =>
  ledger.do(new RefoldScan('machines/web-0', ledger.scans.get('machines/web-0')!.scan, 'ann'))

const accept = (name: string) =>
  new ResolveFinding({
    ...{ key: parseFindingName(name)!, decision: Finding_Decision.ACCEPTED },
    ...{ etag: '', reason: '', principal: 'ann' },
  })

const PUMA = { executables: ['ruby'], argvPattern: '^puma .*\\[(?P<app>\\w+)\\]', serviceTemplate: '{app}' }

test('a rule that is put applies to the scan that is stored, and to those that come', () => {
  const ledger = new MemoryLedger()
  ledger.do(scan(0, [puma]))
  expect(ledger.all('finding')).toEqual([])
  ledger.do(put(PUMA))
  refold(ledger)
  expect(ledger.get('finding', 'findings/web-0~airship')).toMatchObject({
    rule: 'puma',
    state: Finding_State.UNDECIDED,
  })
  const { head } = ledger
  refold(ledger)
  ledger.do(put(PUMA))
  expect(ledger.head).toBe(head)
})

test('what no rule finds any more is withdrawn while it runs, and its instance stays', () => {
  const ledger = new MemoryLedger()
  ledger.do(put(PUMA))
  ledger.do(scan(0, [puma]))
  ledger.do(accept('findings/web-0~airship'))
  ledger.do(drop('discoveryRules/puma'))
  refold(ledger)
  expect(ledger.get('finding', 'findings/web-0~airship').state).toBe(Finding_State.WITHDRAWN)
  expect(ledger.get('instance', 'instances/web-0~airship').state).toBe(Instance_State.RUNNING)
  ledger.do(put(PUMA))
  refold(ledger)
  expect(ledger.get('finding', 'findings/web-0~airship')).toMatchObject({
    state: Finding_State.MONITORED,
    decidedBy: 'ann',
  })
})

test('a rule of the same name takes the place of one that ships', () => {
  const ledger = new MemoryLedger()
  const nginx = { pid: 3n, executableName: 'nginx', commandArgs: ['nginx'] }
  ledger.do(put({ executables: ['nginx'], serviceTemplate: 'edge', priority: 10 }, 'discoveryRules/nginx'))
  ledger.do(scan(0, [nginx]))
  expect(ledger.all('finding').map(({ name }) => name)).toEqual(['findings/web-0~edge'])
  ledger.do(drop('discoveryRules/cron'))
  ledger.do(scan(60, [nginx, { pid: 4n, executableName: 'cron', commandArgs: ['cron'] }]))
  expect(ledger.all('finding')).toHaveLength(1)
})

test('a rule too many is refused for good, and those that are there can still change', () => {
  const ledger = new MemoryLedger()
  for (let i = 0; i < 500; i++) ledger.do(put(PUMA, `discoveryRules/r${i}`))
  const violations = [expect.objectContaining({ field: 'rule.name' })]
  const refusal = expect.objectContaining({ reason: 'INVALID_REQUEST', retryAfterMs: undefined, violations })
  expect(() => ledger.do(put(PUMA))).toThrow(refusal)
  ledger.do(put({ ...PUMA, priority: 7 }, 'discoveryRules/r0'))
})

test('a rule that is not there, or has changed, is refused', () => {
  const ledger = new MemoryLedger()
  expect(() => ledger.do(drop('discoveryRules/none'))).toThrow('there is no discoveryRules/none')
  ledger.do(put(PUMA))
  const change = {
    name: 'discoveryRules/puma',
    method: 'PutDiscoveryRule' as const,
    reason: '',
    principal: '',
  }
  const stale = new ChangeRule({ ...change, rule: DiscoveryRule.fromPartial(PUMA), etag: 'other' })
  expect(() => ledger.do(stale)).toThrow('has changed since you read it')
})
