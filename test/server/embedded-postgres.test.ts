import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { DataDirLock } from '../../server/src/store/embedded/data-dir-lock.ts'
import { processStart } from '../../server/src/store/embedded/process-identity.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { databaseDirectory } from '../harness/database-directory.ts'
import { until } from '../harness/wait.ts'

const log = pino({ level: 'silent' })
const run = promisify(execFile)
let root: string
/** A data directory that was stopped in good order, with one row in it; copied for each test that wants one. */
let template: string
const running: EmbeddedPostgres[] = []
const children: ChildProcess[] = []

beforeAll(async () => {
  root = await databaseDirectory()
  await chmod(root, 0o711)
  template = join(root, 'template')
  const postgres = await startEmbeddedPostgres({ dataDir: template, log })
  await query(postgres.url, 'create table kept (id int)')
  await query(postgres.url, 'insert into kept values (1)')
  await postgres.stop()
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await Promise.all(running.splice(0).map((postgres) => postgres.stop()))
})

afterAll(() => rm(root, { recursive: true, force: true }))

async function fresh(name: string): Promise<string> {
  const dataDir = join(root, name)
  // Node's own copy loses the owner.
  await run('cp', ['-a', template, dataDir])
  return dataDir
}

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, log })
  running.push(postgres)
  return postgres
}

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

const kept = async (url: string) =>
  (await query(url, 'select id from kept order by id')).rows.map(({ id }) => id)

/** A server process of its own, and what it said when it was ready. */
async function host(
  dataDir: string,
): Promise<{ child: ChildProcess; url: string; pid: number; error?: string }> {
  const script = join(import.meta.dirname, 'postgres-host.ts')
  const child = spawn(process.execPath, ['--conditions=holdfast-source', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  return { child, ...JSON.parse(line) }
}

const kill = async (child: ChildProcess) => {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('a new directory gets a database that only its owner can reach', async () => {
  const dataDir = join(root, 'made', 'here')
  const postgres = await start(dataDir)
  const { rows } = await query(
    postgres.url,
    `select current_setting('server_version_num')::int / 10000 as major, current_setting('listen_addresses') as tcp,
       current_setting('server_encoding') as encoding, current_setting('fsync') as fsync,
       current_setting('data_checksums') as checksums, current_setting('password_encryption') as auth,
       (select datcollate from pg_database where datname = current_database()) as locale`,
  )
  expect(rows[0]).toEqual({
    ...{
      major: 18,
      tcp: '',
      encoding: 'UTF8',
      fsync: 'on',
      checksums: 'on',
      auth: 'scram-sha-256',
      locale: 'C',
    },
  })
  expect((await stat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(dataDir, 'postgres'))).mode & 0o777).toBe(0o700)
  await expect(query(postgres.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(/password/)
  expect((await readdir(dataDir)).filter((name) => /new|partial/.test(name))).toEqual([])
})

test('a second server on the directory is told who holds it', async () => {
  const dataDir = await fresh('held')
  await start(dataDir)
  await expect(start(dataDir)).rejects.toThrow(`in use by the Holdfast server with pid ${process.pid}`)
  const other = await host(dataDir)
  expect(other.error).toContain(`pid ${process.pid}`)
  expect(other.error).toContain('HOLDFAST_DATA_DIR')
})

test('of many that start at once exactly one gets the directory', async () => {
  const dataDir = await mkdtemp(join(root, 'race-'))
  // A dead holder of before, so that all of them take over.
  const dead = {
    pid: 1,
    processStart: 'long ago',
    host: (await import('node:os')).hostname(),
    startedAt: 'then',
  }
  await writeFile(join(dataDir, 'holdfast-7.lock'), JSON.stringify(dead))
  for (let round = 0; round < 20; round++) {
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => DataDirLock.acquire(dataDir)))
    const won = attempts.filter((attempt) => attempt.status === 'fulfilled')
    expect(won).toHaveLength(1)
    await won[0]!.value.release()
  }
  expect(await readdir(dataDir)).toHaveLength(1)
})

test('a lock file that was never finished does not count', async () => {
  const dataDir = await mkdtemp(join(root, 'torn-'))
  await writeFile(join(dataDir, 'holdfast-3.lock'), '{"pid":')
  const lock = await DataDirLock.acquire(dataDir)
  await lock.release()
})

test('a lock file is whole whenever it is read: an empty one, of a server stopped as it wrote, was taken for that of a dead one', async () => {
  const dataDir = await mkdtemp(join(root, 'whole-'))
  let over = false
  const turns = async () => {
    for (let turn = 0; turn < 100; turn++) await (await DataDirLock.acquire(dataDir)).release()
  }
  const taken = turns().finally(() => {
    over = true
  })
  const read = new Set<string>()
  while (!over) {
    for (const name of readdirSync(dataDir)) {
      // It may be cleared meanwhile.
      if (name.endsWith('.lock')) read.add(await readFile(join(dataDir, name), 'utf8').catch(() => '{}'))
    }
    await setImmediate()
  }
  await taken
  expect(read.size).toBeGreaterThan(1)
  for (const text of read) expect(() => JSON.parse(text), `"${text}"`).not.toThrow()
})

test('kill -9 of the server: its database is stopped, never joined by a second one, and nothing is lost', async () => {
  const dataDir = await fresh('server-killed')
  const killed = await host(dataDir)
  await query(killed.url, 'insert into kept values (2)')
  const client = new pg.Client({ connectionString: killed.url })
  client.on('error', () => {})
  await client.connect()
  await kill(killed.child)
  expect(processStart(killed.pid)).toBeDefined()
  const postgres = await start(dataDir)
  expect(processStart(killed.pid)).toBeUndefined()
  expect(await kept(postgres.url)).toEqual([1, 2])
})

test('kill -9 of the server and its database: nothing is lost', async () => {
  const dataDir = await fresh('both-killed')
  const killed = await host(dataDir)
  await query(killed.url, 'insert into kept values (2)')
  process.kill(killed.pid, 'SIGKILL')
  await kill(killed.child)
  const postgres = await start(dataDir)
  expect(await kept(postgres.url)).toEqual([1, 2])
})

test('kill -9 of the database: it is started again under the same URL, and nothing is lost', async () => {
  const postgres = await start(await fresh('database-killed'))
  const before = postgres.pid!
  await query(postgres.url, 'insert into kept values (2)')
  process.kill(before, 'SIGKILL')
  await until('another PostgreSQL', () => postgres.pid !== undefined && postgres.pid !== before)
  let rows: number[] | undefined
  while (rows === undefined) rows = await kept(postgres.url).catch(() => undefined)
  expect(rows).toEqual([1, 2])
})

test('a stop while the database is down does not bring it back', async () => {
  const postgres = await startEmbeddedPostgres({ dataDir: await fresh('stopped-down'), log })
  const before = postgres.pid!
  process.kill(before, 'SIGKILL')
  await until('the end of PostgreSQL', () => postgres.pid !== before)
  await postgres.stop()
  expect(postgres.pid).toBeUndefined()
  await expect(query(postgres.url, 'select 1')).rejects.toThrow()
})

test('a postmaster.pid whose pid is now something else is not in the way', async () => {
  const dataDir = await fresh('stale-pid')
  const lines = [process.pid, join(dataDir, 'postgres'), 1_700_000_000, 5432, dataDir, '', '', 'ready']
  await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), `${lines.join('\n')}\n`)
  expect(await kept((await start(dataDir)).url)).toEqual([1])
})

test('a lost password is replaced', async () => {
  const dataDir = await fresh('no-password')
  const before = await readFile(join(dataDir, 'postgres-password'), 'utf8')
  await rm(join(dataDir, 'postgres-password'))
  expect(await kept((await start(dataDir)).url)).toEqual([1])
  expect(await readFile(join(dataDir, 'postgres-password'), 'utf8')).not.toBe(before)
})

test('a first start that was cut short is begun again', async () => {
  const dataDir = join(root, 'cut-short')
  await cp(join(template, 'postgres', 'base'), join(dataDir, 'postgres.new', 'base'), { recursive: true })
  const postgres = await start(dataDir)
  expect((await query(postgres.url, 'select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('data of another PostgreSQL is left alone, with a text that says what to do', async () => {
  const dataDir = await fresh('other-major')
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '17\n')
  await expect(start(dataDir)).rejects.toThrow(/made by PostgreSQL 17.*DATABASE_URL/)
  expect(await readdir(join(dataDir, 'postgres'))).toContain('base')
})

test('a directory with something else in it is left alone', async () => {
  const dataDir = await mkdtemp(join(root, 'foreign-'))
  await mkdir(join(dataDir, 'postgres'))
  await writeFile(join(dataDir, 'postgres', 'thesis.txt'), 'years of work')
  await expect(start(dataDir)).rejects.toThrow(/not empty and holds no database/)
  expect(await readFile(join(dataDir, 'postgres', 'thesis.txt'), 'utf8')).toBe('years of work')
})

test('a data directory that is a file is told in words', async () => {
  const file = join(root, 'a-file')
  await writeFile(file, '')
  await expect(start(file)).rejects.toThrow(/a-file cannot be used: .*HOLDFAST_DATA_DIR/)
  await expect(start(join(file, 'below'))).rejects.toThrow(/cannot be used: .*HOLDFAST_DATA_DIR/)
})

test('a path that is too long for a socket gets one elsewhere', async () => {
  const dataDir = join(root, 'x'.repeat(120))
  await run('cp', ['-a', template, dataDir])
  const postgres = await start(dataDir)
  expect(await kept(postgres.url)).toEqual([1])
})

test.runIf(process.getuid?.() === 0)('root is told of a directory that PostgreSQL cannot reach', async () => {
  const closed = await mkdtemp(join(root, 'closed-'))
  await expect(start(join(closed, 'data'))).rejects.toThrow(/may not pass .*closed-.*HOLDFAST_DATA_DIR/)
})
