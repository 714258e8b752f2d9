import { randomBytes } from 'node:crypto'
import pino from 'pino'
import { expect, inject, test } from 'vitest'
import { openStore } from '../../server/src/store/store.ts'
import { admin } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { ingest, noted, startedAs } from '../ingest/ingest-call.ts'

failOnLeaks()

/** A database without tables. */
async function emptyDatabase() {
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`
  await admin(`create database ${name} template template0`)
  const url = new URL(inject('adminUrl'))
  url.pathname = `/${name}`
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await admin(`drop database if exists ${name} with (force)`)
    },
  }
}

test('several servers that start at once on an empty database: one makes the tables, all of them run', async () => {
  await using database = await emptyDatabase()
  const log = pino({ level: 'silent' })
  const stores = await Promise.all([1, 2, 3].map(() => openStore({ url: database.url, log })))
  for (const store of stores) {
    expect(await store.query({ text: 'select head from ledger' })).toEqual([{ head: 0n }])
  }
  await Promise.all(stores.map((store) => store.close()))
})

test('two servers that start at once on an empty database take events at once', async () => {
  await using database = await emptyDatabase()
  const [one, two] = await Promise.all([1, 2].map(() => testServer({ databaseUrl: database.url })))
  await using _ = one!
  await using __ = two!
  const outcomes = await Promise.all(
    [one!, two!].flatMap((server, i) => [
      ingest(server, [startedAs('web-0', `v${i}`)], { source: `s${i}` }),
      ingest(server, [noted('x')], { source: 'shared' }),
    ]),
  )
  expect(outcomes.map(({ accepted }) => accepted)).toEqual([1, 1, 1, 1])
  expect(new Set(outcomes.map(({ ledgerEpoch }) => ledgerEpoch)).size).toBe(1)
})
