import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { buildOnce, holdfast, program, startProgram } from './holdfast.ts'

failOnLeaks()

beforeAll(() => buildOnce())

describe('a start script', () => {
  test('goes on when no server is there, and says plainly that nothing is sent yet', async () => {
    const script = 'set -e; "$0" started offline-tasks; "$0" stopped offline-tasks; echo went on'
    const env = { HOLDFAST_ADDRESS: '127.0.0.1:1' }
    const { code, out, err } = await startProgram('/bin/sh', ['-c', script, program], env).ended
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
      expect(tookMs).toBeLessThan(1_500)
    })

    test('--timeout is kept to', async () => {
      const { code, tookMs } = await holdfast(['stopped', 'offline-tasks', '--timeout', '1s'], env)
      expect(code).toBe(0)
      expect(tookMs).toBeGreaterThan(990)
      expect(tookMs).toBeLessThan(2_500)
    })
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
