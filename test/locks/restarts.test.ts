import { setTimeout as pause } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import pino from 'pino'
import { expect, test } from 'vitest'
import { LockServiceClient } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testDataDir } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { LockClient } from './lock-client.ts'
import { TorturedServer } from './torture/tortured-server.ts'

failOnLeaks()

const TTL_MS = 9000

/** Beats at a third of the TTL, at whichever server answers, until it is stopped. False when a beat came too late. */
function keepBeating(client: LockClient, addresses: readonly string[]) {
  let stopped = false
  const connections = addresses.map((address) => new LockServiceClient(address, credentials.createInsecure()))
  const done = (async () => {
    let alive = true
    let turn = 0
    while (!stopped && alive) {
      const beat = await Promise.race([
        client.beat().catch(() => undefined),
        pause(TTL_MS / 6).then(() => undefined),
      ])
      if (beat === undefined) {
        client.cut()
        client.reopen(connections[++turn % connections.length])
        await pause(50)
      } else {
        alive = beat
        await pause(TTL_MS / 3)
      }
    }
    for (const connection of connections) connection.close()
    return alive
  })()
  return {
    stop(): Promise<boolean> {
      stopped = true
      return done
    },
  }
}

test('L11 a lease that is beaten lives through a rolling restart of both servers, and through kill -9 of the database', {
  timeout: 180_000,
}, async () => {
  await using directory = await testDataDir()
  const log = pino({ level: 'silent' })
  const postgres = await startEmbeddedPostgres({ dataDir: directory.path, log })
  try {
    await using first = await TorturedServer.start(postgres.url)
    await using second = await TorturedServer.start(postgres.url)
    const addresses = [first.proxy.address, second.proxy.address]
    const connection = new LockServiceClient(addresses[0]!, credentials.createInsecure())
    using client = await LockClient.open(connection, { ttlMs: TTL_MS })
    const lock = await client.acquire('production/airship')
    const beating = keepBeating(client, addresses)
    await first.suffer('restart', 0)
    await second.suffer('restart', 0)
    const { pid } = postgres
    process.kill(pid!, 'SIGKILL')
    await until('the database to come back', () => postgres.pid !== undefined && postgres.pid !== pid)
    await pause(TTL_MS)
    expect(await beating.stop()).toBe(true)
    const after = new LockServiceClient(addresses[1]!, credentials.createInsecure())
    client.cut()
    client.reopen(after)
    expect(await client.attach(TTL_MS)).toMatchObject([{ name: lock.name, fencingToken: lock.fencingToken }])
    connection.close()
    after.close()
  } finally {
    await postgres.stop()
  }
})
