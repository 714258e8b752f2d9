import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { buildOnce, holdfast, printed } from './holdfast.ts'

failOnLeaks()

interface Entry {
  event: {
    occurredTime: string
    instanceStarted?: { service: string }
    instanceStopped?: { service: string }
  }
}

const directory = mkdtempSync(join(tmpdir(), 'holdfast-spool-'))
beforeAll(() => buildOnce())
afterAll(() => rmSync(directory, { recursive: true }))

test('ten reports while the server is away: all ten are there once, in order, with their times', async () => {
  const away = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: directory }
  const before = Date.now()
  for (let turn = 0; turn < 5; turn++) {
    for (const verb of ['started', 'stopped']) {
      const { code, err } = await holdfast([verb, `service-${turn}`, '--machine', 'worker-0'], away)
      expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining('is kept on this machine') })
    }
  }
  const after = Date.now()
  const [status] = JSON.parse(await printed(['spool', 'status', '-o', 'json'], away))
  expect(status).toMatchObject({ waiting: 10, refused: [], damagedBytes: 0 })

  await using server = await testServer()
  const back = { ...away, HOLDFAST_ADDRESS: server.address }
  expect(await printed(['spool', 'forward'], back)).toBe('forwarded 10, refused 0\n')
  expect(await printed(['spool', 'forward'], back)).toBe('forwarded 0, refused 0\n')

  const entries = JSON.parse(await printed(['timeline', '-o', 'json'], back)).reverse()
  const told = entries.map(({ event: { instanceStarted, instanceStopped } }: Entry) =>
    instanceStarted === undefined
      ? `stopped ${instanceStopped?.service}`
      : `started ${instanceStarted.service}`,
  )
  expect(told).toEqual(
    [0, 1, 2, 3, 4].flatMap((turn) => [`started service-${turn}`, `stopped service-${turn}`]),
  )
  const times = entries.map(({ event }: Entry) => Date.parse(event.occurredTime))
  expect(times).toEqual(times.toSorted((a: number, b: number) => a - b))
  expect(times[0]).toBeGreaterThanOrEqual(before)
  expect(times.at(-1)).toBeLessThanOrEqual(after)
})
