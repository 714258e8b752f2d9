import { rm } from 'node:fs/promises'
import pg from 'pg'
import pino from 'pino'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { openStore } from '../../server/src/store/store.ts'
import { databaseDirectory } from './database-directory.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A PostgreSQL superuser's URL, for making databases. */
    adminUrl: string
    /** A migrated database that nobody connects to: cloned for each test that wants one. */
    template: string
  }
}

/** One real PostgreSQL for all test files: `DATABASE_URL` if given, or an embedded one in a directory of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.DATABASE_URL
  const folder = given === undefined ? await databaseDirectory() : undefined
  const log = pino({ level: 'silent' })
  const postgres = folder === undefined ? undefined : await startEmbeddedPostgres({ dataDir: folder, log })
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
  project.provide('template', template)
  return async () => {
    await admin.query(`drop database if exists ${template} with (force)`)
    await admin.end()
    await postgres?.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}
