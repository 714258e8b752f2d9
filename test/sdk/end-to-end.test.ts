import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { cp, mkdir, readdir, rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  ConflictError,
  type ConnectOptions,
  EventRefusedError,
  event,
  Holdfast,
  InvalidRequestError,
  NotFoundError,
  type WatchEvent,
} from '../../sdk/src/index.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, type TestServer, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

const root = join(import.meta.dirname, '../..')
let server: TestServer

beforeAll(async () => {
  server = await testServer()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

async function connect(options: ConnectOptions = {}): Promise<Holdfast> {
  const holdfast = await Holdfast.connect({ address: server.address, ...options })
  onTestFinished(() => holdfast.close())
  return holdfast
}

describe('against the real server', () => {
  test('W8 what was reported is read at its revision, and not before', async () => {
    const holdfast = await connect()
    const before = await holdfast.note('before')
    const started = await holdfast.started('airship', { machine: 'e2e-0', version: '20110502' })
    expect(started.duplicate).toBe(false)
    const instance = await holdfast.getInstance('e2e-0~airship', { asOf: started.revision })
    expect(instance).toMatchObject({ machine: 'machines/e2e-0', runningVersion: '20110502', state: 2 })
    await expect(holdfast.getInstance('e2e-0~airship', { asOf: before.revision })).rejects.toBeInstanceOf(
      NotFoundError,
    )
  })

  test('one id is one event', async () => {
    const holdfast = await connect()
    const options = { machine: 'e2e-1', id: '01900000-0000-7000-8000-00000000000a', version: '1' }
    const first = await holdfast.started('airship', { ...options, occurredAt: new Date() })
    const occurredAt = new Date()
    expect(first.duplicate).toBe(false)
    const second = await holdfast.started('airship', { ...options, occurredAt })
    expect(second.duplicate).toBe(true)
  })

  test('observe, stop, deploy, heartbeat and note are all on record', async () => {
    const holdfast = await connect({ source: 'e2e-source' })
    const machine = 'e2e-2'
    await holdfast.observe(machine, {
      facets: { hardware: { 'host.cpu.logical.count': 8, 'host.memory.size': 2 ** 34 } },
      labels: { rack: 'b4' },
      processes: [{ pid: 1, executableName: 'init', listeningPorts: [22], residentBytes: 4096 }],
    })
    await holdfast.heartbeat('airship', { machine, version: '1' })
    await holdfast.stopped('airship', { machine, exitCode: 3, reason: 'crashed' })
    await holdfast.deployed('airship', { machines: [machine], version: '2', environment: 'staging' })
    await holdfast.note('all well', { machine, attributes: { 'deploy.ticket': 'X-1' } })
    const read = await holdfast.getMachine(machine, { full: true })
    expect(read).toMatchObject({
      labels: { rack: 'b4' },
      hardware: { cpuLogicalCount: 8, memoryBytes: 2n ** 34n },
    })
    expect(read.facets[0]).toMatchObject({ attributes: { 'host.cpu.logical.count': 8 } })
    expect(read.processScan?.processes[0]).toMatchObject({ pid: 1n, listeningPorts: [22] })
    const instance = await holdfast.getInstance(`${machine}~airship`)
    expect(instance).toMatchObject({ state: 3, exitCode: 3, deployedVersion: '2', environment: 'staging' })
    const cells = await holdfast.listVersions({ filter: `machine = ${machine}` }).toArray()
    expect(cells).toMatchObject([{ service: 'services/airship', deployedVersion: '2' }])
    const timeline = await holdfast.listTimeline({ filter: `machine = ${machine}` }).toArray()
    expect(timeline[0]).toMatchObject({ source: 'e2e-source', event: { payload: { $case: 'noteRecorded' } } })
    expect(timeline.length).toBeGreaterThanOrEqual(4)
  })

  test('listings turn their pages, and name the field that a filter got wrong', async () => {
    const holdfast = await connect()
    await using stream = holdfast.ingest()
    for (let n = 0; n < 25; n++) await stream.send(event.started('paged', { machine: `page-${n}` }))
    await stream.flush()
    const filter = 'service = paged'
    const pages = []
    for await (const page of holdfast.listInstances({ filter, pageSize: 10 }).pages()) pages.push(page)
    expect(pages.map(({ items }) => items.length)).toEqual([10, 10, 5])
    expect(new Set(pages.map(({ revision }) => revision)).size).toBe(1)
    const error = await holdfast
      .listInstances({ filter: 'colour = red' })
      .toArray()
      .catch((error: unknown) => error)
    expect(error).toBeInstanceOf(InvalidRequestError)
    expect(error).toMatchObject({ reason: 'FILTER_INVALID' })
  })

  test('changes that people make keep to the etag', async () => {
    const holdfast = await connect()
    await holdfast.started('airship', { machine: 'e2e-3' })
    const { etag } = await holdfast.getMachine('e2e-3')
    const changed = await holdfast.updateMachine('e2e-3', { labels: { rack: 'a1' }, etag })
    expect(changed.machine.labels).toEqual({ rack: 'a1' })
    await expect(holdfast.updateMachine('e2e-3', { labels: {}, etag })).rejects.toBeInstanceOf(ConflictError)
    const { machine } = await holdfast.retireMachine('e2e-3', { reason: 'sold' })
    expect(machine).toMatchObject({ lifecycle: 2, retireReason: 'sold' })
    expect((await holdfast.restoreMachine('e2e-3')).machine.lifecycle).toBe(1)
    const declared = await holdfast.declareService('airship', { environment: 'production', version: '9' })
    expect(declared.service.declaredVersions).toMatchObject([{ environment: 'production', version: '9' }])
  })

  test('I5 an event of 1970 is refused by itself, its neighbours land', async () => {
    const holdfast = await connect()
    await using stream = holdfast.ingest({ onRefused: () => {} })
    const results = await Promise.allSettled([
      stream.sendAndWait(event.note('now')),
      stream.sendAndWait(event.note('then', { occurredAt: new Date(0) })),
      stream.sendAndWait(event.note('now again')),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const { reason } = results[1] as PromiseRejectedResult
    expect(reason).toBeInstanceOf(EventRefusedError)
    expect(reason.reason).toBe('EVENT_TOO_OLD')
  })

  test('the sources are told with what arrived', async () => {
    const holdfast = await connect()
    await using stream = holdfast.ingest({ source: 'spool/e2e', epoch: 7n, firstSeq: 1 })
    await stream.send(event.note('one'))
    await stream.send({ ...event.note('three'), seq: 3 })
    await stream.flush()
    const sources = await holdfast.listSources().toArray()
    const { numberings } = sources.find(({ source }) => source === 'spool/e2e')!
    expect(numberings).toEqual([{ epoch: 7n, highWater: 3n, gaps: [{ first: 2n, last: 2n }] }])
  })

  test('a watch from a write on sees what follows it, and nothing else', async () => {
    const holdfast = await connect()
    const begun = await holdfast.note('begin')
    for (const version of ['1', '2', '3']) await holdfast.started('watched', { machine: 'e2e-4', version })
    const versions: string[] = []
    for await (const step of holdfast.watchState({ filter: 'service = watched', resume: begun })) {
      if (step.type !== 'change') continue
      for (const { resource } of step.changes) {
        if (resource.$case === 'instance') versions.push(resource.value.runningVersion)
      }
      if (versions.length === 3) break
    }
    expect(versions).toEqual(['1', '2', '3'])
  })

  test('the example runs', async () => {
    const example = join(root, 'examples/report-a-start.ts')
    const output = await program([`--conditions=holdfast-source`, example], root)
    expect(output).toMatch(/revision \d+: instances\/worker-0~offline-tasks runs/)
    expect(output).toContain('nothing was known of airship on web-0')
  })
})

test('I1 I2 W5 a stream and a watch live through kill -9 of the server: nothing lost, nothing twice', async () => {
  await using database = await testDatabase()
  await using first = await spawnServer({ databaseUrl: database.url })
  await using proxy = await tcpProxy(first.address)
  const holdfast = await connect({ address: proxy.address })
  const count = 4000
  const seen: number[] = []
  let isWatching = false
  const watching = (async () => {
    for await (const step of holdfast.watchState({ filter: 'service = survivor' })) {
      isWatching = true
      seen.push(...versionsOf(step))
      if (seen.at(-1) === count) break
    }
  })()
  // From before the first event: a snapshot that comes later shows only the last of them.
  await until('the watch', () => isWatching)
  const stream = holdfast.ingest({ maxBatchEvents: 50 })
  const killed = Promise.withResolvers<void>()
  const sending = (async () => {
    for (let n = 1; n <= count; n++) {
      // However late the server is killed, there is something left to send.
      if (n === count - 100) await killed.promise
      await stream.send(event.started('survivor', { machine: 'e2e-5', version: String(n) }))
    }
  })()
  await until('some to be acknowledged', () => stream.stats.acked > 200)
  await first.kill('SIGKILL')
  killed.resolve()
  await until('the stream to be cut off', () => stream.stats.reconnects > 0)
  await using second = await spawnServer({ databaseUrl: database.url })
  proxy.moveTo(second.address)
  await sending
  await stream.flush()
  await watching
  expect(stream.stats).toMatchObject({ sent: count, acked: count, refused: 0 })
  expect(seen).toEqual(Array.from({ length: count }, (_, n) => n + 1))
  const timeline = await holdfast.listTimeline({ filter: 'service = survivor', pageSize: 250 }).toArray()
  expect(timeline).toHaveLength(count)
  await stream.close()
  holdfast.close()
})

function versionsOf(step: WatchEvent): number[] {
  const resources =
    step.type === 'change'
      ? step.changes.map(({ resource }) => resource)
      : step.type === 'snapshot'
        ? step.resources
        : []
  return resources.flatMap((resource) =>
    resource.$case === 'instance' ? [Number(resource.value.runningVersion)] : [],
  )
}

test('the packed package works outside of the repository, and type-checks there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-packed-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  run('npm', ['pack', '--pack-destination', folder], join(root, 'sdk'))
  const [tarball] = await readdir(folder)
  run('tar', ['-xzf', tarball!], folder)
  const modules = join(folder, 'node_modules')
  await mkdir(join(modules, '@holdfast'), { recursive: true })
  await rename(join(folder, 'package'), join(modules, '@holdfast/sdk'))
  // What `npm install` would fetch, taken from here.
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name !== '@holdfast' && name !== '.bin') {
      symlinkSync(join(root, 'node_modules', name), join(modules, name))
    }
  }
  await cp(join(root, 'examples/report-a-start.ts'), join(folder, 'program.ts'))
  writeFileSync(join(folder, 'locks.ts'), blockedHolder)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        module: 'nodenext',
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        types: ['node'],
        noEmit: true,
      },
      include: ['program.ts', 'locks.ts'],
    }),
  )
  run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], folder)
  expect(await program(['program.ts'], folder)).toContain('worker-0~offline-tasks')
  expect(await program(['locks.ts'], folder)).toContain('held beyond its TTL')
})

/**
 * Blocks its event loop: only the thread of heartbeats, which has a file of its own, can keep its lock. Leaves the
 * processor to that thread, and the TTL is many times what that takes to start.
 */
const blockedHolder = `import { Holdfast } from '@holdfast/sdk'
const holdfast = Holdfast.lazy()
const lock = await holdfast.acquireLock('packed/airship', { ttlMs: 6000 })
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 8000)
lock.assertHeld()
console.log('held beyond its TTL')
await lock.release()
`

function run(command: string, args: string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  expect(`${command}: ${status} ${status === 0 ? '' : stdout + stderr}`).toBe(`${command}: 0 `)
}

/** Runs a program against the server of this process, which must go on meanwhile. */
async function program(args: string[], cwd: string): Promise<string> {
  const { execFile } = await import('node:child_process')
  return await new Promise((resolve, reject) => {
    const env = { ...process.env, HOLDFAST_ADDRESS: server.address }
    execFile(process.execPath, args, { cwd, env, timeout: 100_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`))
      else resolve(stdout)
    })
  })
}
