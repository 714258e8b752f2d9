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
  // As much of the log as it may keep takes memory, where that is where it lives.
  if (postgres !== undefined) {
    await admin.query(`alter system set max_wal_size = '512MB'`)
    await admin.query('select pg_reload_conf()')
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
