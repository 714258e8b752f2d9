import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** A database of a test's own, cloned from the migrated template. */
export interface TestDatabase {
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a database that is dropped when it is disposed of. */
export async function testDatabase(): Promise<TestDatabase> {
  const name = `holdfast_test_${randomBytes(6).toString('hex')}`
  await admin(`create database ${name} template ${inject('template')} strategy wal_log`)
  const url = new URL(inject('adminUrl'))
  url.pathname = `/${name}`
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await admin(`drop database if exists ${name} with (force)`)
    },
  }
}

/** Runs one statement as the superuser, outside of any test's database, or in the one that is given. */
export async function admin(statement: string, url = inject('adminUrl')): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
