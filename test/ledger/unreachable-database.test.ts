import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Command } from '../../server/src/domain/command.ts'
import { GroupWriter } from '../../server/src/ledger/group-writer.ts'
import { Notifier } from '../../server/src/ledger/notifier.ts'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { primaryAndStandby } from '../harness/standby.ts'
import { type TcpProxy, tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'
import { sql } from '../watch/history.ts'

const log = pino({ level: 'silent' })
const AWAY = { reason: 'STORE_UNAVAILABLE' }

let database: TestDatabase
let proxy: TcpProxy
let store: Store
let writer: GroupWriter

beforeEach(async () => {
  database = await testDatabase()
  const url = new URL(database.url)
  proxy = await tcpProxy(
    url.hostname.startsWith('%2F')
      ? `${decodeURIComponent(url.hostname)}/.s.PGSQL.${url.port || 5432}`
      : `${url.hostname}:${url.port || 5432}`,
  )
  url.host = proxy.address
  store = await openStore({ url: url.href, log })
  writer = new GroupWriter({ store, log, onCommit: () => {} })
})

afterEach(async () => {
  await writer.stop()
  await store.close()
  await proxy[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** A try to connect takes 5 s, until it is given up: those who wait are not to wait for one each. */
const expectOneTry = () => expect(proxy.swallowed).toBeLessThanOrEqual(1)

/** Changes nothing. */
const look = (then: () => void = () => {}): Command<void> => ({ size: 100, collect: () => {}, decide: then })

test('a database host that swallows packets is UNAVAILABLE to everybody who waits, after one try to connect', async () => {
  proxy.drop()
  const answers = Promise.allSettled([1, 2, 3].map(() => writer.submit(look())))
  for (const answer of await answers) {
    expect(answer).toMatchObject({ status: 'rejected', reason: AWAY })
  }
  expectOneTry()
})

test('when the database goes away while a faulty batch is written one by one, the rest do not wait for a try each', async () => {
  let decided = 0
  const faulty = (): void => {
    if (++decided === 2) proxy.drop()
    throw new TypeError('a fault')
  }
  const answers = Promise.allSettled([faulty, undefined, undefined].map((then) => writer.submit(look(then))))
  const [first, ...rest] = await answers
  expect(first).toMatchObject({ status: 'rejected', reason: { message: 'a fault' } })
  for (const answer of rest) expect(answer).toMatchObject({ status: 'rejected', reason: AWAY })
  expectOneTry()
})

test('a server at a standby, where nobody can listen, leaves no connection behind at each try', async () => {
  await using pair = await primaryAndStandby({ synchronous: false })
  const { url } = pair.standby
  const notifier = new Notifier({ url, log, channel: 'holdfast_head', onHint: () => {} })
  await expect(notifier.start()).rejects.toMatchObject({ code: '25006' })
  await until('its connection to end', async () => {
    const { rows } = await sql(
      url,
      "select from pg_stat_activity where application_name = 'holdfast-notifier'",
    )
    return rows.length === 0
  })
  await notifier.stop()
})
