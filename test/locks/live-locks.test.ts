import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'
import { unlisted } from './torture/live-locks.ts'

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

const scopesOf = async (filter: string, asOf?: bigint): Promise<string[]> => {
  const locks = await holdfast
    .listLocks({ filter, asOf, orderBy: 'create_time', pageSize: 50 } as never)
    .toArray()
  return locks.map(({ scopes }) => scopes[0]!.name)
}

test('locks that are held or wait are listed by what they are and were, among many that have ended', async () => {
  const kept = await Promise.all(Array.from({ length: 5 }, (_, i) => holdfast.acquireLock(`name:kept-${i}`)))
  const waiting = holdfast.acquireLock('name:kept-0', { waitMs: 600_000 })
  waiting.catch(() => {})
  for (let round = 0; round < 4; round++) {
    const brief = await Promise.all(
      Array.from({ length: 100 }, (_, i) => holdfast.acquireLock(`name:brief-${round}-${i}`)),
    )
    await Promise.all(brief.map((lock) => lock.release()))
  }
  const names = (...numbers: number[]) => numbers.map((i) => `kept-${i}`)
  expect((await scopesOf('state = HELD')).sort()).toEqual(names(0, 1, 2, 3, 4))
  expect(await scopesOf('state = WAITING')).toEqual(names(0))
  expect((await scopesOf('state != ENDED')).sort()).toEqual(names(0, 0, 1, 2, 3, 4))
  expect(await scopesOf('state = ENDED')).toHaveLength(400)
  expect(await holdfast.listLocks({ filter: 'NOT state = ENDED' }).toArray()).toHaveLength(6)
  expect(await unlisted(server.url)).toEqual([])

  const { revision } = kept[4]!
  await kept[1]!.release()
  await kept[0]!.release()
  const granted = await waiting
  expect((await scopesOf('state = HELD')).sort()).toEqual(names(0, 2, 3, 4))
  expect((await scopesOf('state != ENDED', revision)).sort()).toEqual(names(0, 1, 2, 3, 4))
  for (const lock of [granted, kept[2]!, kept[3]!, kept[4]!]) await lock.release()
  expect(await scopesOf('state != ENDED')).toEqual([])
  expect(await unlisted(server.url)).toEqual([])
})
