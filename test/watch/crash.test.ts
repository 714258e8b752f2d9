import { expect, test } from 'vitest'
import { clientsOf } from '../harness/clients.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, testDataDir, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'
import { comparable, delivered, historyOf } from './history.ts'
import { expectAll, keepWriting } from './keep-writing.ts'
import { SdkWatch } from './sdk-watch.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

const begin = { ledgerEpoch: 1n, revision: 0n as never, snapshotCursor: '' }

test('W2 W3 W5 the server is killed among writes: watches go on at the next one, without loss or repeat', async () => {
  await using stays = await testServer()
  const databaseUrl = stays.url
  await using killed = await spawnServer({ databaseUrl })
  await using proxy = await tcpProxy(killed.address)
  const { address } = proxy
  await using watch = new SdkWatch(address, { resume: begin })
  await using moving = new SdkWatch(address, { resume: begin })
  await watch.reached(0n)
  using clients = clientsOf(address)
  await using writing = keepWriting([stays, clients])
  await writing.more(30)
  await killed.kill('SIGKILL')
  await writing.more(30)
  // One waits for the server to come back where it was, the other takes its position elsewhere.
  await moving[Symbol.asyncDispose]()
  await using moved = new SdkWatch(stays.address, { resume: moving.position })
  await using next = await spawnServer({ databaseUrl })
  proxy.moveTo(next.address)
  await writing.more(30)
  const head = await writing.stop()
  await Promise.all([watch.reached(head), moved.reached(head)])
  const history = await historyOf(databaseUrl)
  expect(history.map(({ revision }) => revision)).toEqual(history.map((_, i) => BigInt(i + 1)))
  expect(comparable(watch.history)).toEqual(comparable(history))
  expect(comparable([...moving.history, ...moved.history])).toEqual(comparable(history))
  expectAll(writing.acknowledged, history)
})

test('W2 W3 W10 the embedded database is killed among writes: it comes back, and watches go on', async () => {
  await using dataDir = await testDataDir()
  await using server = await spawnServer({ dataDir: dataDir.path })
  await using watch = new SdkWatch(server.address, { resume: begin })
  using raw = await new Watcher(server, { resume: begin }).following()
  await watch.reached(0n)
  await using writing = keepWriting([server])
  await writing.more(30)
  const postmaster = await dataDir.postmaster()
  process.kill(postmaster, 'SIGKILL')
  await until('another postmaster', async () => {
    const now = await dataDir.postmaster()
    return now > 0 && now !== postmaster
  })
  await writing.more(30)
  const head = await writing.stop()
  await watch.reached(head)
  await raw.reached(head)
  using whole = await new Watcher(server, { resume: begin }).reached(head)
  const history = delivered(whole.revisions)
  expect(history.map(({ revision }) => revision)).toEqual(history.map((_, i) => BigInt(i + 1)))
  expect(comparable(watch.history)).toEqual(comparable(history))
  expect(comparable(delivered(raw.revisions))).toEqual(comparable(history))
  expectAll(writing.acknowledged, history)
})
