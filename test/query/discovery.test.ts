import { Holdfast, InvalidRequestError } from '@holdfast/sdk'
import { Finding_State } from '@holdfast/sdk/messages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'

let server: TestServer
let holdfast: Holdfast
beforeAll(async () => {
  server = await testServer()
  holdfast = Holdfast.lazy({ address: server.address })
})
afterAll(async () => {
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

const puma = (app: string) => ({
  pid: 7,
  executableName: 'ruby',
  commandArgs: [`puma 5.0 (tcp://0:3000) [${app}]`],
  createdAt: new Date(0),
})
const rule = {
  executables: ['ruby'],
  argvPattern: '^puma .*\\[(?P<app>\\w+)\\]',
  serviceTemplate: '{app}',
}
const findings = async (filter = '') =>
  (await holdfast.listFindings({ filter }).toArray()).map(({ name }) => name)

test('a rule is tried, put, applied to the stored scans, deleted; a finding is decided, watched and of the past', async () => {
  for (const machine of ['web-0', 'web-1']) await holdfast.observe(machine, { processes: [puma('airship')] })
  const { matches, matchCount, machineCount } = await holdfast.simulateRule(rule)
  expect(matches.map(({ machine, service }) => [machine, service])).toEqual([
    ['machines/web-0', 'airship'],
    ['machines/web-1', 'airship'],
  ])
  expect({ matchCount, machineCount }).toEqual({ matchCount: 2, machineCount: 2 })
  expect(await findings()).toEqual([])

  const put = await holdfast.putDiscoveryRule('puma', { rule, reason: 'our apps' })
  expect(put.machines).toBe(2)
  expect(await findings('state = UNDECIDED')).toEqual(['findings/web-0~airship', 'findings/web-1~airship'])
  expect((await holdfast.listDiscoveryRules()).map(({ name }) => name)).toContain('discoveryRules/puma')

  const { finding, revision } = await holdfast.resolveFinding('web-0~airship', { decision: 'accepted' })
  expect(finding.state).toBe(Finding_State.MONITORED)
  expect((await holdfast.listInstances().toArray()).map(({ name }) => name)).toEqual([
    'instances/web-0~airship',
  ])
  expect(await findings('state = MONITORED AND machine = web-0 AND rule = puma')).toHaveLength(1)
  const past = await holdfast.listFindings({ asOf: (revision - 1n) as typeof revision }).toArray()
  expect(past.map(({ state }) => state)).toEqual([Finding_State.UNDECIDED, Finding_State.UNDECIDED])

  const changed: string[] = []
  for await (const step of holdfast.watchState({ filter: 'kind = finding OR kind = rule' })) {
    if (step.type === 'snapshotEnd') break
    if (step.type === 'snapshot')
      changed.push(...step.resources.map(({ $case, value }) => `${$case} ${value.name}`))
  }
  expect(changed).toEqual([
    'finding findings/web-0~airship',
    'finding findings/web-1~airship',
    'rule discoveryRules/puma',
  ])
  const [last] = await holdfast.listTimeline({ filter: 'service = airship' }).toArray()
  expect(last?.event?.payload).toMatchObject({
    $case: 'resourceAmended',
    value: { method: 'ResolveFinding' },
  })

  await holdfast.deleteDiscoveryRule('puma')
  expect(await findings('state = WITHDRAWN')).toHaveLength(2)
  expect((await holdfast.getInstance('web-0~airship')).state).toBe(2)
})

test('everything that is wrong with a rule is said at once, and nothing is saved', async () => {
  const wrong = { argvPattern: '(a', controlGroupPattern: '(?=a)', serviceTemplate: 'x' }
  const refused = await holdfast.putDiscoveryRule('wrong', { rule: wrong }).catch((error) => error)
  expect(refused).toBeInstanceOf(InvalidRequestError)
  expect((refused as InvalidRequestError).violations.map(({ field }) => field)).toEqual([
    'rule.argv_pattern',
    'rule.control_group_pattern',
  ])
  expect((await holdfast.listDiscoveryRules()).map(({ name }) => name)).not.toContain('discoveryRules/wrong')
})

test('processes with newlines and other oddities in their names are found without harm', async () => {
  const odd = {
    pid: 9,
    executableName: 'nginx',
    commandArgs: ['nginx:\nworker\u0000', '\ufffd'],
    createdAt: new Date(0),
  }
  await holdfast.observe('odd', { processes: [odd] })
  expect(await findings('machine = odd')).toEqual(['findings/odd~nginx'])
})

test('a scan of 10,000 processes is worked in; one of more is refused by itself', async () => {
  const others = Array.from({ length: 9_999 }, (_, i) => ({
    pid: i + 1,
    executableName: 'bash',
    commandArgs: ['-bash', `${i}`],
    createdAt: new Date(0),
  }))
  const processes = [...others, { pid: 10_000, executableName: 'nginx', commandArgs: ['nginx'] }]
  await holdfast.observe('big', { processes })
  expect(await findings('machine = big')).toEqual(['findings/big~nginx'])
  const more = await holdfast
    .observe('big', { processes: [...processes, { pid: 10_001 }] })
    .catch((error) => error)
  expect(String(more)).toContain('must hold at most 10000; got 10001')
})

test('an expression that takes others hours is put and tried in moments; one that is too large is refused', async () => {
  const text = `${'a'.repeat(4_000)}!`
  await holdfast.observe('slow', { processes: [{ pid: 1, executableName: 'a', commandArgs: [text] }] })
  const began = performance.now()
  const { matchCount } = await holdfast.simulateRule({ argvPattern: '^(a+)+$', serviceTemplate: 'x' })
  expect(matchCount).toBe(0)
  await holdfast.putDiscoveryRule('slow', { rule: { argvPattern: '(x+x+)+y', serviceTemplate: 'x' } })
  expect(performance.now() - began).toBeLessThan(10_000)
  const refused = await holdfast
    .putDiscoveryRule('large', { rule: { argvPattern: '(.{0,30}){0,30}X$', serviceTemplate: 'x' } })
    .catch((error) => error)
  expect(refused).toBeInstanceOf(InvalidRequestError)
})

test('what must run and was never found is absent, and found by that', async () => {
  await holdfast.observe('empty', { processes: [] })
  const { finding } = await holdfast.resolveFinding('empty~redis', { decision: 'enforced' })
  expect(finding).toMatchObject({ state: Finding_State.ENFORCED, present: false })
  expect(await findings('state = ENFORCED AND present = false')).toEqual(['findings/empty~redis'])
  expect(await findings('present = true AND machine = empty')).toEqual([])
  expect((await holdfast.getInstance('empty~redis')).state).toBe(1)
})

test('a scan that comes late finds nothing of what a newer one showed to be gone', async () => {
  const redis = { pid: 9, executableName: 'redis-server', commandArgs: ['redis-server'] }
  const seen = (processes: (typeof redis)[], minutesAgo: number) =>
    holdfast.observe('late', { processes, occurredAt: new Date(Date.now() - minutesAgo * 60_000) })
  await seen([], 1)
  await seen([redis], 2)
  expect(await findings('machine = late')).toEqual([])
  await seen([redis], 0)
  expect(await findings('machine = late')).toEqual(['findings/late~redis'])
})
