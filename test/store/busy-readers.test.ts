import { randomUUID } from 'node:crypto'
import pino from 'pino'
import { expect, test } from 'vitest'
import { Feed } from '../../server/src/ledger/feed.ts'
import { LeaseKeeper } from '../../server/src/ledger/lease-keeper.ts'
import { readLeaseClock } from '../../server/src/store/leases.ts'
import { openStore } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'

const log = pino({ level: 'silent' })

test('L11 while reads take all connections that there are for reads, leases are beaten, their clock goes on, and so does the feed', async () => {
  await using database = await testDatabase()
  const store = await openStore({ url: database.url, log, readers: 2 })
  const feed = new Feed({ store, log })
  await feed.start()
  const keeper = new LeaseKeeper(store)
  const lease = { id: randomUUID(), secretHash: Buffer.from('hash') }
  await keeper.open({ ...lease, ttlMs: 60_000, owner: 'a test', principal: 'ann' })
  const busy = await Promise.all([store.pool.connect(), store.pool.connect()])
  try {
    // Whoever waits for a connection for reads is refused after 5 s, so that what asks for one fails here.
    expect(await keeper.beat(lease)).toBe(60_000)
    expect(await readLeaseClock(store)).toMatchObject({ due: [] })
    await feed.caughtUp()
  } finally {
    for (const client of busy) client.release()
    await feed.stop()
    await store.close()
  }
})
