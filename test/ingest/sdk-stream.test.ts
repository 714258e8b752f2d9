import pg from 'pg'
import { expect, test } from 'vitest'
import { event, Holdfast } from '../../sdk/src/index.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

const COUNT = 1500

test('I1 I2 I4 a stream of the SDK through kill −9 of its server: nothing lost, nothing twice, in order', async () => {
  await using database = await testDatabase()
  const databaseUrl = database.url
  await using killed = await spawnServer({ databaseUrl })
  await using proxy = await tcpProxy(killed.address)
  await using holdfast = Holdfast.lazy({ address: proxy.address, source: 'test' })
  await using stream = holdfast.ingest({ maxBatchEvents: 20 })
  const sending = (async () => {
    for (let n = 1; n <= COUNT; n++) {
      await stream.send(event.started('airship', { machine: `web-${n % 5}`, version: `v${n}` }))
    }
    await stream.flush()
  })()
  await until('some to be acknowledged', () => stream.stats.acked > 100)
  await killed.kill('SIGKILL')
  expect(stream.stats.acked).toBeLessThan(COUNT)
  await using next = await spawnServer({ databaseUrl })
  proxy.moveTo(next.address)
  await sending
  expect(stream.stats).toMatchObject({ sent: COUNT, acked: COUNT, refused: 0 })
  expect(stream.stats.reconnects).toBeGreaterThan(0)

  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query<{ seqs: number[] }>(
    'select array_agg(seq::int order by revision) as seqs from event',
  )
  const { rows: instances } = await client.query<{ running_version: string }>(
    'select running_version from instance order by name',
  )
  await client.end()
  expect(rows[0]!.seqs).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1))
  expect(instances.map((one) => one.running_version)).toEqual(
    [0, 1, 2, 3, 4].map((rest) => `v${COUNT - 5 + (rest || 5)}`),
  )
})
