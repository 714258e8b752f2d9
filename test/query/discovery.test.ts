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
