import { Holdfast, NotFoundError } from '@holdfast/sdk'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compactChanges } from '../../server/src/store/compact-changes.ts'
import { openStore } from '../../server/src/store/store.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { sql } from '../watch/history.ts'

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

/** Compacts up to the present head, as happens when all of it is older than what is kept. */
async function compact(): Promise<void> {
  const store = await openStore({ url: server.url, log: pino({ level: 'silent' }) })
  try {
    const { rows } = await sql<{ soon: Date }>(
      server.url,
      `select clock_timestamp() + interval '1 s' as soon`,
    )
    await compactChanges(store, rows[0]!.soon)
  } finally {
    await store.close()
  }
}

/** The locks and holds of which there is anything left, each as often as it has images. */
const left = async (): Promise<string[]> => {
  const { rows } = await sql<{ name: string }>(
    server.url,
    `select coalesce(t.name, c.resource_id::text) as name from change c
      full join (select id, name from lock union all select id, name from hold) t on t.id = c.resource_id
      where c.kind in (6, 7) or c.kind is null order by 1`,
  )
  return rows.map(({ name }) => name)
}

test('locks that have ended and holds that were lifted go with their history, and what stands stays', async () => {
  const held = await holdfast.acquireLock('name:held')
  const ended = await holdfast.acquireLock('name:ended')
  await ended.release()
  const { hold: lifted } = await holdfast.placeHold('name:other', { reason: 'a while' })
  await holdfast.liftHold(lifted.name, { reason: 'over' })
  const { hold: standing } = await holdfast.placeHold('name:other', { reason: 'for ever' })
  expect(await left()).toHaveLength(6)

  await compact()
  expect((await sql(server.url, 'select bucket from live_lock where members = 0')).rows).toEqual([])
  expect(await left()).toEqual([standing.name, held.name].sort())
  await expect(holdfast.getLock(ended.name)).rejects.toThrow(NotFoundError)
  await expect(holdfast.acquireLock('name:other')).rejects.toThrow(/for ever/)
  await expect(holdfast.acquireLock('name:held')).rejects.toThrow(/not free/)
  await held.release()
  expect((await holdfast.getLock(held.name)).state).toBe(3)
})
