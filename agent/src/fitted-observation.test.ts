import { expect, test } from 'vitest'
import { fitted, MAX_PROCESSES } from './fitted-observation.ts'
import type { ObservedProcess } from './observed-process.ts'

function process(pid: number, commandArgs: string[] = []): ObservedProcess {
  return {
    pid,
    parentPid: -1,
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
  const observation = { processes: [process(1, ['a'.repeat(4_000)])], unseen: [] }
  expect(fitted(observation)).toEqual({ ...observation, complete: true, listComplete: true })
})

test('long command lines are cut first, and that leaves the list complete', () => {
  const processes = Array.from({ length: 1_000 }, (_, pid) => process(pid, ['a'.repeat(4_000)]))
  const observation = fitted({ processes, unseen: [] })
  expect(observation.complete).toBe(true)
  expect(observation.processes).toHaveLength(1_000)
  expect(observation.processes[0]?.commandArgs[0]?.length).toBeLessThan(4_000)
})

test('a list that was cut is not complete', () => {
  const many = Array.from({ length: MAX_PROCESSES + 1 }, (_, pid) => process(pid))
  const observation = fitted({ processes: many, unseen: [] })
  expect(observation.complete).toBe(false)
  expect(observation.processes.length).toBeLessThanOrEqual(MAX_PROCESSES)
  expect(fitted({ processes: many.slice(0, 100), unseen: [] }, 1_000).complete).toBe(false)
})

test('10,000 workers of one program fit, and leave out what is like their parent', () => {
  const worker = (pid: number, more: Partial<ObservedProcess> = {}): ObservedProcess => ({
    ...process(pid, ['/usr/sbin/apache2', '-k', 'start', 'x'.repeat(200)]),
    executablePath: '/usr/sbin/apache2',
    parentPid: 7,
    ...more,
  })
  const parent = worker(7, { parentPid: 1, listeningPorts: [80] })
  const odd = [
    worker(8, { listeningPorts: [8080] }),
    worker(9, { userName: 'www-data' }),
    worker(10, { controlGroup: '/docker/abc' }),
    worker(11, { commandArgs: ['rotatelogs'] }),
    // It has a child, which would lose its parent.
    worker(12),
    worker(13, { parentPid: 12, executablePath: '/bin/sh' }),
  ]
  const alike = Array.from({ length: 10_000 }, (_, i) =>
    worker(20 + i, { listeningPorts: i % 2 ? [80] : [] }),
  )
  const { processes, complete } = fitted({ processes: [parent, ...odd, ...alike], unseen: [] })
  expect(complete).toBe(true)
  expect(processes.map(({ pid }) => pid)).toEqual([7, 8, 9, 10, 11, 12, 13])
})

test('of more than fits those that listen stay', () => {
  const processes = Array.from({ length: 12_000 }, (_, i) => process(i + 1, [`--number=${i}`]))
  processes[11_999]!.listeningPorts = [5432]
  const observation = fitted({ processes, unseen: [] })
  expect(observation).toMatchObject({ complete: false, listComplete: false })
  expect(observation.processes.at(-1)?.pid).toBe(12_000)
  expect(observation.processes.length).toBeLessThanOrEqual(MAX_PROCESSES)
})
