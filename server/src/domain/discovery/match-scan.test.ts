import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { Process } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { BUILTIN_RULES } from './builtin-rules.ts'
import { containerIn, unitIn } from './control-group.ts'
import { matchScan } from './match-scan.ts'
import { Pattern, patternViolation } from './pattern.ts'
import { ruleViolations } from './rule-violations.ts'

const run = (executableName: string, commandLine: string, more: Partial<Process> = {}) =>
  Process.fromPartial({ pid: 1n, executableName, commandArgs: commandLine.split(' '), ...more })

const found = (...processes: Process[]) => [...matchScan(BUILTIN_RULES, processes).keys()]

test('the version of a jar is in its name', () => {
  const [match] = matchScan(BUILTIN_RULES, [run('java', 'java -jar a-b-1.2.jar')]).values()
  expect(match).toMatchObject({ service: 'a-b', version: '1.2', rule: 'java-jar' })
})

test('a daemon with its workers is one; two on other ports are two, the usual port being the main one', () => {
  const redis = (pid: number, parentPid: number, port: number) =>
    run('redis-server', 'redis-server', {
      pid: BigInt(pid),
      parentPid: BigInt(parentPid),
      listeningPorts: [port],
    })
  expect(found(redis(5, 1, 6379), redis(6, 1, 6380), redis(7, 6, 6380))).toEqual(['redis~main', 'redis~6380'])
  const workers = [2, 3].map((pid) => run('nginx', 'nginx: worker', { pid: BigInt(pid), parentPid: 9n }))
  const master = run('nginx', 'nginx: master', { pid: 9n, parentPid: 1n, userName: 'root' })
  const matches = matchScan(BUILTIN_RULES, [...workers, master])
  expect(matches.get('nginx~main')?.process.userName).toBe('root')
  expect(matches.size).toBe(1)
})

test('units and containers in control groups', () => {
  expect(unitIn('/system.slice/redis-server.service')).toBe('redis-server')
  expect(unitIn('/user.slice')).toBe('')
  const id = 'ab12'.repeat(16)
  expect(containerIn(`/docker/${id}`)).toBe('ab12ab12ab12')
  expect(containerIn(`/kubepods.slice/cri-containerd-${id}.scope`)).toBe('ab12ab12ab12')
  expect(containerIn('/system.slice/ssh.service')).toBe('')
})

test.each(['(a+)+$', '(x+x+)+y', '(a|a)*b', '(.*)*x'])(
  '%s, which takes others hours, takes moments',
  (text) => {
    expect(patternViolation('argv_pattern', text)).toBeUndefined()
    const began = performance.now()
    Pattern.of(text).groupsIn(`${'ax'.repeat(2_048)}!`)
    expect(performance.now() - began).toBeLessThan(2_000)
  },
)

test.each([
  '(a',
  '(?=a)',
  '(a)\\1',
  'x'.repeat(513),
  '(((a{9}){9}){9}){9}',
  '(.{0,30}){0,30}X$',
  '(?i)(\\w+\\s?){0,100}X',
  '[a-z]{1000}[a-z]{1000}[a-z]{1000}',
])('%s is refused', (text) => {
  expect(patternViolation('argv_pattern', text)?.field).toBe('argv_pattern')
})

test('a rule that says nothing of processes is refused', () => {
  expect(ruleViolations('rule', DiscoveryRule.fromPartial({ serviceTemplate: 'x' }))[0]?.field).toBe('rule')
})

test.each([
  [{ serviceTemplate: '{nosuch}' }, 'rule.service_template', '{nosuch}'],
  [{ argvPattern: '(?P<app>x)', slotTemplate: '{app}-{2}' }, 'rule.slot_template', '{app}'],
  [{ environmentTemplate: '{stage}' }, 'rule.environment_template', '{unit}'],
  [{ versionFile: '/srv/{x}/VERSION' }, 'rule.version_file', '{x}'],
  [{ versionFile: 'VERSION', versionCommand: 'ask' }, 'rule.version_command', 'leave one out'],
  [{ versionCommand: '/bin/sh' }, 'rule.version_command', 'without directory'],
  [{ versionCommand: 'sh -c' }, 'rule.version_command', 'without directory'],
  [{ labels: { 'a b': '1' } }, 'rule.labels["a b"]', 'keys'],
  [{ labels: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, '1'])) }, 'rule.labels', '16'],
])('%j is refused, and said why', (says, field, why) => {
  const rule = DiscoveryRule.fromPartial({ executables: ['x'], serviceTemplate: 'x', ...says })
  expect(ruleViolations('rule', rule)).toEqual([{ field, description: expect.stringContaining(why) }])
})

test('the rules that ship are in order', () => {
  for (const { rule } of BUILTIN_RULES) expect(ruleViolations('rule', rule)).toEqual([])
  expect(new Set(BUILTIN_RULES.map(({ rule }) => rule.name)).size).toBe(BUILTIN_RULES.length)
})

test('whatever a process is called, what is found has ids that resources may have', () => {
  const executable = fc.constantFrom('java', 'node', 'python3', 'nginx', 'redis-server')
  fc.assert(
    fc.property(executable, fc.array(fc.string()), (executableName, commandArgs) => {
      const process = Process.fromPartial({ pid: 1n, executableName, commandArgs: ['x', ...commandArgs] })
      for (const { service, slot } of matchScan(BUILTIN_RULES, [process]).values()) {
        for (const id of [service, slot]) expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/)
      }
    }),
  )
})
