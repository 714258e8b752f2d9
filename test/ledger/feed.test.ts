import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Feed, type FeedOptions } from '../../server/src/ledger/feed.ts'
import { compactChanges } from '../../server/src/store/compact-changes.ts'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { observed, report, started } from '../watch/reports.ts'

failOnLeaks()

const log = pino({ level: 'silent' })
const everything = { key: '', matches: () => true }

let server: TestServer
let store: Store

beforeAll(async () => {
  server = await testServer()
  store = await openStore({ url: server.url, log })
})

afterAll(async () => {
  await store.close()
  await server[Symbol.asyncDispose]()
})

let versions = 0
const writeOne = async (): Promise<bigint> =>
  (await report(server, [started('web-0', 'airship', `v${versions++}`)])).revision

/** A feed that looks at the database only when it is told to. */
async function openFeed(options: Partial<FeedOptions> = {}): Promise<Feed & AsyncDisposable> {
  const feed = new Feed({ store, log, pollMs: 3_600_000, ...options })
  await feed.start()
  return Object.assign(feed, { [Symbol.asyncDispose]: () => feed.stop() })
}

/** Every entry after a revision. */
async function follow(feed: Feed, after: bigint): Promise<{ from: bigint; to: bigint }[]> {
  const spans = []
  for (let entry = await feed.next(after); entry !== undefined; entry = await feed.next(entry.to)) {
    spans.push({ from: entry.from, to: entry.to })
  }
  return spans
}

test('entries follow each other without a hole, from memory and from the database', async () => {
  const before = await writeOne()
  await using tiny = await openFeed({ memoryBytes: 1 })
  await using roomy = await openFeed()
  for (let i = 0; i < 5; i++) {
    await report(server, [observed('web-0', { i, text: 'x'.repeat(1000) })])
    await Promise.all([tiny.caughtUp(), roomy.caughtUp()])
  }
  for (const feed of [tiny, roomy]) {
    for (let after = before - 1n; after < feed.head; after++) {
      const spans = await follow(feed, after)
      expect(spans[0]!.from).toBe(after)
      expect(spans.at(-1)!.to).toBe(feed.head)
      for (const [i, { from }] of spans.entries()) if (i > 0) expect(from).toBe(spans[i - 1]!.to)
    }
  }
  // The one without memory has the last entry only.
  expect(tiny.nextInMemory(before)).toBeUndefined()
  expect(roomy.nextInMemory(before)).toBeDefined()
})

test('W8 caught up means everything committed before the call, also when a look is under way', async () => {
  // Holds the answer to a look back, after the database has given it.
  let gate: Promise<void> | undefined
  const slow = Object.assign(Object.create(store) as Store, {
    prompt: {
      query: async (statement: Parameters<Store['query']>[0]) => {
        const rows = await store.prompt.query(statement)
        await gate
        return rows
      },
    },
  })
  await using feed = await openFeed({ store: slow })
  const { promise, resolve: open } = Promise.withResolvers<void>()
  gate = promise
  const early = feed.caughtUp()
  const revision = await writeOne()
  const late = feed.caughtUp().then(() => feed.head)
  open()
  await early
  expect(await late).toBeGreaterThanOrEqual(revision)
})

test('W11 what is compacted before the feed has read it ends the watches that wait for it', async () => {
  await using feed = await openFeed()
  const behind = feed.head
  for (let i = 0; i < 3; i++) await writeOne()
  const compacted = await compactChanges(store, new Date(Date.now() + 60_000))
  const head = await writeOne()
  expect(compacted).toBe(head - 1n)
  await feed.caughtUp()
  expect(feed.head).toBe(head)
  await expect(feed.next(behind)).rejects.toMatchObject({ reason: 'REVISION_COMPACTED' })
  const entry = await feed.next(compacted!)
  expect(entry!.encodedFor(everything)).toHaveLength(1)
})

test('W11 what is read back of another epoch is not taken for what was asked', async () => {
  await using feed = await openFeed({ memoryBytes: 1 })
  const before = feed.head
  for (let i = 0; i < 3; i++) {
    await writeOne()
    await feed.caughtUp()
  }
  await store.pool.query('update ledger set epoch = epoch + 1')
  await expect(feed.next(before)).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' })
  await feed.caughtUp()
  expect(feed.epoch).toBe(2n)
})

test('those who wait are woken by what is new, and by the end', async () => {
  const feed = await openFeed()
  const changed = () => new Promise<void>((resolve) => feed.listen({ wake: resolve }))
  const woken = changed()
  await writeOne()
  await feed.caughtUp()
  await woken
  const ended = changed()
  await feed.stop()
  await ended
  expect(feed.stopped).toBe(true)
})
