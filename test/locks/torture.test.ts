import pino from 'pino'
import { expect, test } from 'vitest'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testDataDir } from '../harness/server.ts'
import { TorturedServer, torment } from './torture/faults.ts'
import { checkHistory } from './torture/history-check.ts'
import { Random } from './torture/random.ts'
import { RandomClient } from './torture/random-client.ts'

failOnLeaks()

const CLIENTS = 12
const seed = Number(process.env.HOLDFAST_TORTURE_SEED ?? Math.floor(Math.random() * 2 ** 31))
const seconds = Number(process.env.HOLDFAST_TORTURE_SECONDS ?? 25)

test(`L1 L2 L5 L6 L8 L9 L10 hold while servers, clients and the database are killed, stopped and cut off (HOLDFAST_TORTURE_SEED=${seed})`, {
  timeout: (seconds + 120) * 1000,
}, async () => {
  await using directory = await testDataDir()
  const postgres = await startEmbeddedPostgres({
    dataDir: directory.path,
    log: pino({ level: 'silent' }),
  })
  try {
    await using first = await TorturedServer.start(postgres.url)
    await using second = await TorturedServer.start(postgres.url)
    const addresses = [first.proxy.address, second.proxy.address]
    const end = performance.now() + seconds * 1000
    const isOver = () => performance.now() > end
    const clients = Array.from(
      { length: CLIENTS },
      (_, at) => new RandomClient(new Random(seed + at + 1), addresses),
    )
    const [faults] = await Promise.all([
      torment(new Random(seed), { servers: [first, second], databasePid: () => postgres.pid }, isOver),
      ...clients.map((client) => client.run(isOver)),
    ])
    const fences = clients.flatMap((client) => client.fences)
    const history = await checkHistory(postgres.url, fences)
    console.log(
      JSON.stringify({ seed, seconds, clients: CLIENTS, faults, fences: fences.length, ...history }),
    )
    expect(history.grants).toBeGreaterThan(0)
  } finally {
    await postgres.stop()
  }
})
