import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ProcessObservation } from '@holdfast/agent'
import { observeProcesses } from '@holdfast/agent'
import { afterEach, describe, expect, test } from 'vitest'
import { canRunAsNobody, nobody, observeElsewhere } from './observe-elsewhere.ts'

const running: ChildProcess[] = []
const directories: string[] = []

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true })
})

async function start(file: string, args: string[]): Promise<number> {
  const child = spawn(file, args, { stdio: 'ignore' })
  running.push(child)
  await once(child, 'spawn')
  return child.pid!
}

describe.runIf(process.platform === 'linux')('observeProcesses', () => {
  test('sees this process, its parent, its user and the port it listens on', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const { port } = server.address() as { port: number }
      const observation = await observeProcesses()
      const self = observation.processes.find((one) => one.pid === process.pid)
      expect(self).toMatchObject({ parentPid: process.ppid, executablePath: process.execPath })
      expect(self?.listeningPorts).toContain(port)
      expect(self?.residentBytes).toBeGreaterThan(1_000_000)
      expect(Math.abs(Date.now() - process.uptime() * 1_000 - self!.createdAt!.getTime())).toBeLessThan(5_000)
    } finally {
      server.close()
    }
  })

  test('names with newlines, brackets and bytes that are no UTF-8 stay one process each', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-'))
    directories.push(directory)
    const odd = join(directory, 'odd) S 1\nname')
    await copyFile('/bin/sleep', odd)
    const pid = await start(odd, ['60'])
    const raw = await start('/bin/sh', ['-c', `sh -c 'sleep 60; :' "$(printf 'x\\377\\376y')" & wait`])
    const seen = async () => {
      for (;;) {
        const observation = await observeProcesses()
        const child = observation.processes.find((one) => one.parentPid === raw)
        // Before it is another program it has the arguments of the shell that it was forked from.
        if (child?.commandArgs.some((arg) => arg.startsWith('x'))) return { observation, child }
      }
    }
    const { observation, child } = await seen()
    expect(observation.processes.find((one) => one.pid === pid)).toMatchObject({
      parentPid: process.pid,
      executableName: 'odd) S 1\nname',
      commandArgs: [odd, '60'],
    })
    expect(child.commandArgs).toContain('x\uFFFD\uFFFDy')
  })

  test('a long command line is cut at 4 KiB', async () => {
    const pid = await start('/bin/sh', ['-c', 'sleep 60; :', 'x'.repeat(50_000)])
    const { processes } = await observeProcesses()
    const args = processes.find((one) => one.pid === pid)?.commandArgs ?? []
    expect(args.reduce((sum, arg) => sum + Buffer.byteLength(arg), 0)).toBe(4_096)
  })

  test('processes that end during the scan do no harm', async () => {
    let churning = true
    const churn = (async () => {
      while (churning) await promisify(execFile)('/bin/sh', ['-c', '/bin/true & /bin/true & wait'])
    })()
    try {
      for (let round = 0; round < 10; round += 1) {
        const { processes } = await observeProcesses()
        expect(processes.some((one) => one.pid === process.pid)).toBe(true)
        expect(new Set(processes.map((one) => one.pid)).size).toBe(processes.length)
      }
    } finally {
      churning = false
      await churn
    }
  })

  test.runIf(canRunAsNobody())('a scan that cannot see whose port it is is not complete', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const observation = await observeElsewhere<ProcessObservation>('processes', nobody)
      const { port } = server.address() as { port: number }
      expect(observation).toMatchObject({ complete: false, listComplete: true })
      expect(observation.unseen).toEqual([{ what: 'port-owners', ports: expect.arrayContaining([port]) }])
      expect(observation.processes.find((one) => one.pid === process.pid)?.listeningPorts).toEqual([])
    } finally {
      server.close()
    }
  })
})
