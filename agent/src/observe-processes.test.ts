import { expect, test } from 'vitest'
import { fitted, hidesOthers, MAX_PROCESSES } from './observe-processes.ts'
import type { ObservedProcess } from './observed-process.ts'

function process(pid: number, commandArgs: string[] = []): ObservedProcess {
  return {
    pid,
    parentPid: 1,
    executableName: 'x',
    executablePath: '/x',
    commandArgs,
    userName: 'root',
    createdAt: new Date(0),
    listeningPorts: [],
    controlGroup: '',
    residentBytes: 0,
  }
}

test('what fits is left as it is', () => {
  const observation = { processes: [process(1, ['a'.repeat(4_000)])], complete: true, listComplete: true }
  expect(fitted(observation)).toEqual(observation)
})

test('long command lines are cut first, and that leaves the list complete', () => {
  const processes = Array.from({ length: 1_000 }, (_, pid) => process(pid, ['a'.repeat(4_000)]))
  const observation = fitted({ processes, complete: true, listComplete: true })
  expect(observation.complete).toBe(true)
  expect(observation.processes).toHaveLength(1_000)
  expect(observation.processes[0]?.commandArgs[0]?.length).toBeLessThan(4_000)
})

test('a list that was cut is not complete', () => {
  const many = Array.from({ length: MAX_PROCESSES + 1 }, (_, pid) => process(pid))
  const observation = fitted({ processes: many, complete: true, listComplete: true })
  expect(observation.complete).toBe(false)
  expect(observation.processes.length).toBeLessThanOrEqual(MAX_PROCESSES)
  expect(fitted({ processes: many.slice(0, 100), complete: true, listComplete: true }, 1_000).complete).toBe(
    false,
  )
})

test.each([
  ['22 27 0:21 / /proc rw,relatime - proc proc rw', false],
  ['22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=2', true],
  ['22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible', true],
  ['22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=off', false],
])('%s hides others: %s', (mountInfo, hidden) => {
  expect(hidesOthers(mountInfo)).toBe(hidden)
})
