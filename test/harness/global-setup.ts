import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import pino from 'pino'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { openStore } from '../../server/src/store/store.ts'
import { buildCommand } from './built-command.ts'
import { runDirectory } from './database-directory.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A PostgreSQL superuser's URL, for making databases. */
    adminUrl: string
    /** Of all databases of the run. Removed after it. */
    runDirectory: string
    /** A migrated database that nobody connects to: cloned for each test that wants one. */
    template: string
  }
}

/**
 * One real PostgreSQL for all test files: `DATABASE_URL` if given, or an embedded one in a directory of its own. And the
 * command line as it is now: built here, since of two test files that find it old at once, one takes it from the other.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  buildCommand()
  project.onTestsRerun(async () => buildCommand())
  const given = process.env.DATABASE_URL
  const directory = await runDirectory()
  const log = pino({ level: 'silent' })
  const postgres =
    given === undefined ? await startEmbeddedPostgres({ dataDir: join(directory, 'shared'), log }) : undefined
  // An interrupted run ends without a teardown.
  const abandon = (): void => {
    postgres?.abandon()
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', abandon)
  const adminUrl = given ?? postgres!.url
  const template = `holdfast_template_${process.pid}`
  const admin = new pg.Client({ connectionString: adminUrl })
  await admin.connect()
  if (postgres !== undefined) {
    // As much of the log as it may keep takes memory, where that is where it lives.
    await admin.query(`alter system set max_wal_size = '512MB'`)
    await admin.query('select pg_reload_conf()')
    // On a busy disk a commit may wait for seconds, longer than a short lease lives. This cluster is never killed, and
    // short of that the only difference is when a commit is on the disk: what is tested to be durable, through the end of
    // a database, has clusters of its own, with the settings of the product. A role's setting goes before a program's.
    await admin.query('alter role current_user set synchronous_commit = off')
  }
  await admin.query(`create database ${template}`)
  const url = new URL(adminUrl)
  url.pathname = `/${template}`
  await (await openStore({ url: url.href, log })).close()
  project.provide('adminUrl', adminUrl)
  project.provide('runDirectory', directory)
  project.provide('template', template)
  return async () => {
    await admin.query(`drop database if exists ${template} with (force)`)
    await admin.end()
    await postgres?.stop()
    process.off('exit', abandon)
    await rm(directory, { recursive: true, force: true })
  }
}
