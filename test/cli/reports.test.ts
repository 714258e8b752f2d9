import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { holdfast, program, SHORT_MS, startProgram } from './holdfast.ts'

failOnLeaks()

describe('a start script', () => {
  test('goes on when no server is there, and says plainly that nothing is sent yet', async () => {
    const script = 'set -e; "$0" started offline-tasks $1; "$0" stopped offline-tasks $1; echo went on'
    const env = { HOLDFAST_ADDRESS: '127.0.0.1:1' }
    const { code, out, err } = await startProgram('/bin/sh', ['-c', script, program, '--timeout=20s'], env)
      .ended
    expect(code).toBe(0)
    expect(out).toBe('went on\n')
    expect(err).toMatch(/'offline-tasks started on .*' is kept .* no server answers at 127\.0\.0\.1:1/)
    expect(err).toMatch(/'offline-tasks stopped on .*' is kept/)
  })

  test('a script with a mistake in it is told', async () => {
    expect(await holdfast(['started'])).toMatchObject({ code: 2 })
    expect(await holdfast(['started', 'x', '--bogus'])).toMatchObject({ code: 2 })
  })

  describe('when something takes the connection and never answers', () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.on('error', () => {})))
    let env: NodeJS.ProcessEnv

    beforeAll(async () => {
      await once(silent.listen(0, '127.0.0.1'), 'listening')
      env = { HOLDFAST_ADDRESS: `127.0.0.1:${(silent.address() as AddressInfo).port}` }
    })

    afterAll(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })

    test('it waits a quarter of a second, and no longer', async () => {
      const { code, err, tookMs } = await holdfast(['started', 'offline-tasks'], env)
      expect(code).toBe(0)
      expect(err).toContain('not sent yet: no answer from')
      expect(tookMs).toBeGreaterThan(240)
      expect(tookMs).toBeLessThan(SHORT_MS)
    })

    test('--timeout is kept to', async () => {
      const { code, tookMs } = await holdfast(['stopped', 'offline-tasks', '--timeout', '1s'], env)
      expect(code).toBe(0)
      expect(tookMs).toBeGreaterThan(990)
      expect(tookMs).toBeLessThan(SHORT_MS)
    })
  })
})

describe('when the nameserver never answers', () => {
  const inNamespace = ['-rnm', process.execPath, join(import.meta.dirname, 'with-silent-nameserver.ts')]

  test('a start script goes on after a quarter of a second, with its pipes as they were', async (context) => {
    const { error, status } = spawnSync('unshare', [...inNamespace, 'true'])
    if (error !== undefined || status !== 0) {
      const message =
        'a dead nameserver needs the packages util-linux and iproute2, and the right to make namespaces'
      const isMissing = error !== undefined || spawnSync('ip', ['-V']).error !== undefined
      if (process.env.CI === 'true' && isMissing) throw new Error(message)
      process.stderr.write(`SKIPPED: ${message}\n`)
      context.skip()
    }
    const script = '"$0" started offline-tasks; echo "code $?"; grep flags /proc/self/fdinfo/1'
    const { out, err, tookMs } = await startProgram(
      'unshare',
      [...inNamespace, '/bin/sh', '-c', script, program],
      { HOLDFAST_ADDRESS: 'holdfast.example:7420' },
    ).ended
    expect(err).toContain('not sent yet: no answer from holdfast.example:7420 in time')
    const [, flags = ''] = /^code 0\nflags:\s+([0-7]+)\n$/.exec(out) ?? []
    expect(Number.parseInt(flags, 8) & constants.O_NONBLOCK).toBe(0)
    // The resolver gives up after 30 s.
    expect(tookMs).toBeLessThan(20_000)
  })
})

test('other commands say which address was tried, and exit with 11', async () => {
  for (const args of [['machines'], ['note', 'drained'], ['watch'], ['info']]) {
    const { code, err } = await holdfast(args, { HOLDFAST_ADDRESS: '127.0.0.1:1' })
    expect(code).toBe(11)
    expect(err).toContain('no server answers at 127.0.0.1:1')
    expect(err).toContain('holdfast server')
  }
})
