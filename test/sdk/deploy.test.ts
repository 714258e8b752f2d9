import { Holdfast, LockHeldError, LockLostError } from '@holdfast/sdk'
import { Run_State } from '@holdfast/sdk/messages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'

let server: TestServer
let holdfast: Holdfast
beforeAll(async () => {
  server = await testServer()
  holdfast = await Holdfast.connect({ address: server.address })
})
afterAll(async () => {
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

const runOf = async (service: string) =>
  (await holdfast.listRuns({ filter: `service = ${service}` }).toArray())[0]!
const locksOf = (scope: string) => holdfast.listLocks({ scope, filter: 'state = HELD' }).toArray()

test('a deploy runs under a lock on its machines, ends its run as the work ends, and lets go', async () => {
  const machines = ['web-0', 'web-1']
  const result = await holdfast.deploy(
    { service: 'one', version: '2', machines },
    async (run, signal, lock) => {
      await run.log('migrating\n')
      expect(signal.aborted).toBe(false)
      expect(lock.scopes).toEqual(['production/one/web-0', 'production/one/web-1'])
      const second = holdfast.deploy({ service: 'one', version: '3', machines: ['web-1'] }, () => 'never')
      await expect(second).rejects.toThrow(LockHeldError)
      await run.target('web-1', 'failed', { message: 'disk full' })
      return 'done'
    },
  )
  expect(result).toBe('done')
  expect(await runOf('one')).toMatchObject({
    state: Run_State.SUCCEEDED,
    version: '2',
    targets: { failed: 1 },
  })
  const cells = await holdfast.listVersions({ filter: 'service = one' }).toArray()
  expect(cells.map(({ machine, deployedVersion }) => [machine, deployedVersion])).toEqual([
    ['machines/web-0', '2'],
  ])
  expect(await locksOf('production/one')).toEqual([])
})

test('work that throws fails the run, and puts up a hold when it should, before the lock is free', async () => {
  const options = { service: 'two', version: '2', machines: ['web-0'], holdOnFailure: true }
  const failing = holdfast.deploy(options, () => {
    throw new Error('no route to web-0')
  })
  await expect(failing).rejects.toThrow('no route to web-0')
  expect(await runOf('two')).toMatchObject({ state: Run_State.FAILED, message: 'no route to web-0' })
  await expect(holdfast.deploy(options, () => {})).rejects.toThrow(
    'the deploy of 2 failed: no route to web-0',
  )
})

test('a lock that is lost stops the work, and the run is abandoned', async () => {
  const deploying = holdfast.deploy(
    { service: 'three', version: '2', machines: ['web-0'] },
    async (_, signal, lock) => {
      await holdfast.forceReleaseLock(lock.name, {
        fencingToken: lock.fencingToken,
        reason: 'the fix must go out',
      })
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  )
  await expect(deploying).rejects.toThrow(LockLostError)
  expect(await runOf('three')).toMatchObject({ state: Run_State.ABANDONED })
})

test('a deploy that is cancelled ends as cancelled', async () => {
  const stop = new AbortController()
  const options = { service: 'four', version: '2', signal: stop.signal }
  const deploying = holdfast.deploy(options, (_, signal) => {
    stop.abort(new Error('enough'))
    signal.throwIfAborted()
  })
  await expect(deploying).rejects.toThrow('enough')
  expect(await runOf('four')).toMatchObject({ state: Run_State.CANCELLED })
})
