import { EpochChangedError, type Holdfast } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { primaryAndStandby } from '../harness/standby.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'
import { report, started } from '../watch/reports.ts'
import { SdkWatch } from '../watch/sdk-watch.ts'
import { sdk } from './clients.ts'

failOnLeaks()

const TTL_MS = 2000

/** Takes a lock as soon as the server at its database can. */
async function granted(client: Holdfast, ttlMs = TTL_MS) {
  return until('a grant', () => client.tryAcquireLock('production/airship', { ttlMs }).catch(() => undefined))
}

test('L1 L2 I1 an old primary that comes back acknowledges nothing while its synchronous standby is gone', {
  timeout: 180_000,
}, async () => {
  const replication = 'synchronous'
  await using pair = await primaryAndStandby({ synchronous: true })
  await using one = await testServer({ databaseUrl: pair.url, replication })
  await using stale = await testServer({ databaseUrl: pair.primary.url, replication })
  await report(stale, [started('web-0', 'airship', 'before')])
  const left = await sdk(stale)

  await pair.failOver()
  await pair.primary.start()
  const lock = await granted(await sdk(one), 60_000)
  const asked = left.acquireLock('production/airship', { ttlMs: TTL_MS, waitMs: 1, timeoutMs: 1500 })
  await expect(asked).rejects.toThrow(/deadline|unavailable|database/i)
  await lock.release()
  // What waits for the standby there ends with it.
  await pair.primary.kill()
})

test('L2 W11 a client that has seen the new epoch takes no lock and no change of an old primary that came back', {
  timeout: 180_000,
}, async () => {
  await using pair = await primaryAndStandby({ synchronous: false })
  await using one = await testServer({ databaseUrl: pair.url })
  await using stale = await testServer({ databaseUrl: pair.primary.url })
  // The longest TTL that is known is what a new epoch waits for.
  await (await granted(await sdk(stale))).release()
  await until('its lease at the standby', async () => {
    const { rows } = await pair.standby.query('select from lease')
    return rows.length > 0
  })
  await pair.failOver()
  await pair.primary.start()

  // Behind one address, as names and balancers do it.
  await using address = await tcpProxy(one.address)
  const client = await sdk(address)
  const lock = await granted(client)
  expect(lock.ledgerEpoch).toBe(2n)
  await using watch = new SdkWatch(address.address, { onLost: 'reset' })
  await watch.reached(lock.fencingToken as bigint)
  address.moveTo(stale.address)
  await expect(client.acquireLock('production/airship', { ttlMs: TTL_MS + 1000 })).rejects.toBeInstanceOf(
    EpochChangedError,
  )
  await expect(watch.reached(2n ** 62n)).rejects.toBeInstanceOf(EpochChangedError)

  // One that knows nothing is granted it there. What it guards tells the two apart by the epoch, which comes first.
  const other = await granted(await sdk(stale))
  expect(other.ledgerEpoch).toBeLessThan(lock.ledgerEpoch)
  expect(other.fencingToken).toBeLessThan(lock.fencingToken)
})
