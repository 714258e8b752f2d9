import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Forwarder, loadBundle, packBundle, publicKeyOf, Spool, SpoolLimiter } from '@holdfast/agent/spool'
import { forwardLittle } from '@holdfast/agent/spool/forward-little'
import { Holdfast } from '@holdfast/sdk'
import { decodeEvent, event } from '@holdfast/sdk/spooled-event'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-spool-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const started = (service: string) => event.started(service, { machine: 'worker-0' })

/** The services of what a spool holds, oldest first. */
function services(spool: Spool): string[] {
  return spool.segments().flatMap((segment) =>
    spool.read(segment).events.map((bytes) => {
      const { payload } = decodeEvent(bytes)
      return payload.$case === 'instanceStarted' ? payload.value.service : ''
    }),
  )
}

const idsIn = (spool: Spool): string[] =>
  spool.segments().flatMap((segment) => spool.read(segment).events.map((bytes) => decodeEvent(bytes).id!))

test('kill -9 of eight appenders at once: what any of them was told is there, whole and once', async () => {
  const program = join(import.meta.dirname, 'append-forever.ts')
  const appenders = Array.from({ length: 8 }, (_, index) => {
    const args = ['--conditions=holdfast-source', program, directory, `service-${index}`]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const told: string[] = []
    child.stdout.setEncoding('utf8').on('data', (text: string) => told.push(text))
    return { child, told: () => told.join('').split('\n').slice(0, -1) }
  })
  await until('each to append', () => appenders.every(({ told }) => told().length > 20))
  await Promise.all(
    appenders.map(({ child }) => {
      child.kill('SIGKILL')
      return once(child, 'close')
    }),
  )
  const spool = new Spool(directory)
  const ids = idsIn(spool)
  expect(new Set(ids).size).toBe(ids.length)
  const kept = new Set(ids)
  expect(appenders.flatMap(({ told }) => told()).filter((id) => !kept.has(id))).toEqual([])
})

test('what was sealed under the hands of appenders is begun by none of them again, and what any was told is there', async () => {
  const program = join(import.meta.dirname, 'append-forever.ts')
  const told: string[] = []
  const appenders = Array.from({ length: 3 }, (_, index) => {
    const args = ['--conditions=holdfast-source', program, directory, `service-${index}`]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.setEncoding('utf8').on('data', (text: string) => told.push(text))
    return child
  })
  const spool = new Spool(directory)
  const sealed = new Set<bigint>()
  const again: bigint[] = []
  const kept = new Set<string>()
  const seal = () => {
    for (const segment of spool.segments()) {
      if (sealed.has(segment.epoch)) again.push(segment.epoch)
      sealed.add(segment.epoch)
      const at = spool.seal(segment)
      for (const bytes of spool.read(at).events) kept.add(decodeEvent(bytes).id!)
      spool.discard(at, false)
    }
  }
  await until('many seals', () => {
    for (let turn = 0; turn < 20; turn++) seal()
    return sealed.size >= 50
  })
  for (const child of appenders) child.kill('SIGKILL')
  await Promise.all(appenders.map((child) => once(child, 'close')))
  seal()
  expect(again).toEqual([])
  const lines = told.join('').split('\n').slice(0, -1)
  expect(lines.filter((id) => !kept.has(id))).toEqual([])
})

test('two processes that begin a spool at once have one source', () => {
  expect(new Spool(directory).source).toBe(new Spool(directory).source)
})

test('I2: machines from one image report each as itself, and what the image held counts once', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const machine = (id: string) => [{ kind: 'cloud-instance-id' as const, value: `aws:1/eu-west-1/${id}` }]
  const directories = { origin: join(directory, 'origin'), clone: join(directory, 'clone') }
  const origin = new Spool(directories.origin)
  origin.append(started('of-the-image'))
  origin.bindTo(machine('i-0'))
  cpSync(directories.origin, directories.clone, { recursive: true })
  const clone = new Spool(directories.clone)
  clone.bindTo(machine('i-1'))
  expect(clone.source).not.toBe(origin.source)
  // A script does not know what the agent has found out.
  expect(new Spool(directories.clone).source).toBe(clone.source)
  new Spool(directories.clone).append(started('of-the-clone'))
  origin.append(started('of-the-origin'))
  const { bytes } = packBundle(clone)
  const loaded = await loadBundle(bytes, [publicKeyOf(clone)], client)
  expect(loaded).toEqual({ accepted: 2, duplicates: 0, refused: 0 })
  for (const spool of [clone, origin]) {
    expect((await new Forwarder({ spool, client }).drain()).refused).toEqual([])
  }
  const seen: string[] = []
  for await (const { event: one } of client.listTimeline({ filter: 'machine = worker-0' })) {
    if (one?.payload?.$case === 'instanceStarted') seen.push(one.payload.value.service)
  }
  expect(seen.toSorted()).toEqual(['of-the-clone', 'of-the-image', 'of-the-origin'])
})

test('a spool keeps its source when it learns more of its machine, and one from before sources were bound', () => {
  writeFileSync(join(directory, 'source'), 'spool/web-0/1a2b3c4d\n')
  const spool = new Spool(directory)
  expect(spool.source).toBe('spool/web-0/1a2b3c4d')
  spool.append(started('one'))
  spool.bindTo([{ kind: 'cloud-instance-id', value: 'aws:1/eu-west-1/i-0' }])
  expect(spool.source).toBe('spool/web-0/1a2b3c4d')
  expect(spool.segments().map(({ sealed }) => sealed)).toEqual([false])
})

test('damage costs what it hit: the rest is sent, and the segment is set aside', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  for (const name of ['one', 'two', 'three']) spool.append(started(name))
  const { path } = spool.segments()[0]!
  const bytes = readFileSync(path)
  bytes[Math.floor(bytes.length / 2)]! ^= 0xff
  writeFileSync(path, bytes)
  appendFileSync(path, 'HFs1 torn')
  spool.seal(spool.segments()[0]!)
  const { settled } = await new Forwarder({ spool, client }).drain()
  expect(settled).toBe(2)
  expect(spool.damaged()).toHaveLength(1)
  spool.append(started('four'))
  expect(services(spool)).toEqual(['four'])
})

test('a clock that was set back begins no older epoch', () => {
  const spool = new Spool(directory)
  spool.append(started('one'))
  const [first] = spool.segments()
  spool.discard(spool.seal(first!), false)
  vi.useFakeTimers({ now: 1_000 })
  try {
    spool.append(started('two'))
  } finally {
    vi.useRealTimers()
  }
  expect(spool.segments()[0]!.epoch).toBeGreaterThan(first!.epoch)
})

test('a full disk: the appender is told, and what was kept before is whole', async (context) => {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory])
  if (mounted.status !== 0) {
    process.stderr.write('SKIPPED: a full disk needs root, to mount a small one\n')
    context.skip()
  }
  try {
    const spool = new Spool(directory)
    const told: string[] = []
    expect(() => {
      for (;;) told.push(spool.append(started('a-service')))
    }).toThrow(/ENOSPC|fit on the disk/)
    expect(idsIn(spool)).toEqual(told)
  } finally {
    spawnSync('umount', [directory])
  }
})

test('a full disk is drained, and takes reports again', async (context) => {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory])
  if (mounted.status !== 0) {
    process.stderr.write('SKIPPED: a full disk needs root, to mount a small one\n')
    context.skip()
  }
  try {
    await using server = await testServer()
    await using client = Holdfast.lazy({ address: server.address })
    const spool = new Spool(directory)
    const told: string[] = []
    expect(() => {
      for (;;) told.push(spool.append(started('a-service')))
    }).toThrow(/ENOSPC|fit on the disk/)
    // To the last byte: not even a small file fits.
    expect(() => {
      for (let index = 0; ; index++) writeFileSync(join(directory, `filler-${index}`), 'x')
    }).toThrow(/ENOSPC/)
    expect((await new Forwarder({ spool, client }).drain()).settled).toBe(told.length)
    expect(spool.segments()).toEqual([])
    spool.append(started('again'))
    expect(services(spool)).toEqual(['again'])
  } finally {
    spawnSync('umount', [directory])
  }
})

test('I2: two forwarders at once on one spool: every event once', async () => {
  await using server = await testServer()
  const spool = new Spool(directory)
  const names = Array.from({ length: 200 }, (_, index) => `service-${index}`)
  spool.appendAll(names.map(started))
  await using one = Holdfast.lazy({ address: server.address })
  await using two = Holdfast.lazy({ address: server.address })
  await Promise.all([one, two].map((client) => new Forwarder({ spool, client }).drain()))
  const seen: string[] = []
  for await (const entry of one.listTimeline({ filter: 'machine = worker-0' })) {
    const payload = entry.event?.payload
    if (payload?.$case === 'instanceStarted') seen.push(payload.value.service)
  }
  expect(seen.sort()).toEqual(names.sort())
})

test('a refused event is set aside with its reason, and its neighbours land', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  for (const name of ['one', 'no such name!', 'three']) spool.append(started(name))
  const { settled, refused } = await new Forwarder({ spool, client }).drain()
  expect({ settled, refused: refused.length }).toEqual({ settled: 3, refused: 1 })
  const [aside] = spool.refused()
  expect(aside).toMatchObject({ reason: 'INVALID_REQUEST', id: expect.stringMatching(/^[0-9a-f-]{36}$/) })
  expect(decodeEvent(Buffer.from(aside!.event, 'base64')).id).toBe(aside!.id)
  expect((await new Forwarder({ spool, client }).drain()).settled).toBe(0)
})

test('a forwarder that runs sends what is appended when it is nudged, and stops', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  const forwarder = new Forwarder({ spool, client })
  forwarder.start()
  spool.append(started('late'))
  await until('the report', async () => {
    forwarder.nudge()
    const [segment] = spool.segments()
    return segment === undefined || spool.acked(segment) === 1
  })
  await forwarder.stop()
})

/** An event with an id, a time and something that this version does not know, as a newer one may have kept it. */
const ofNewerVersion = Buffer.from([0x0a, 1, 0x78, 0x1a, 2, 0x08, 1, 0x9a, 0x06, 0])

/** A report that keeps a spool from nothing but itself, whoever looks at it. */
function spoolWithWhatCannotBeSent(): Spool {
  const spool = new Spool(directory)
  spool.append(started('one'))
  spool.keep([ofNewerVersion])
  spool.append(event.note('x'.repeat(1024 * 1024)))
  spool.append(started('four'))
  spool.keep([ofNewerVersion])
  return spool
}

test('what a newer version kept, and what is too large, is set aside once, and the rest is sent', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = spoolWithWhatCannotBeSent()
  const way = { address: server.address, token: undefined, tls: undefined }
  expect(await forwardLittle(spool, way, { timeoutMs: 5_000 })).toEqual({ kind: 'other' })
  new SpoolLimiter(spool, { maxBytes: 1, maxAgeMs: 1 }).step()
  const { settled, refused } = await new Forwarder({ spool, client }).drain()
  expect({ settled, refused: refused.length }).toEqual({ settled: 5, refused: 3 })
  expect((await new Forwarder({ spool, client }).drain()).settled).toBe(0)
  const aside = spool.refused().toSorted((a, b) => a.event.length - b.event.length)
  expect(aside.map(({ message }) => message)).toEqual([
    'it is no event that this version knows',
    'it is no event that this version knows',
    expect.stringContaining('an event may take 1 MiB'),
  ])
  expect(Buffer.from(aside[0]!.event, 'base64')).toEqual(ofNewerVersion)
  const landed: string[] = []
  for await (const { event: one } of client.listTimeline({ filter: 'machine = worker-0' })) {
    if (one?.payload?.$case === 'instanceStarted') landed.push(one.payload.value.service)
  }
  expect(landed).toEqual(['four', 'one'])
})

test('a spool whose server is away sets nothing aside, however often it is tried', async () => {
  await using client = Holdfast.lazy({ address: '127.0.0.1:1' })
  const spool = spoolWithWhatCannotBeSent()
  for (let turn = 0; turn < 2; turn++) {
    await expect(new Forwarder({ spool, client }).drain({ timeoutMs: 50 })).rejects.toThrow()
  }
  expect(spool.refused()).toEqual([])
})

test('a note of what is settled that a power cut has left broken counts as none', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  spool.append(started('one'))
  const [segment] = spool.segments()
  for (const broken of ['', '\0\0', '1x', '-1', 'NaN']) {
    writeFileSync(join(directory, `${segment!.epoch}.ack`), broken)
    expect(spool.acked(segment!)).toBe(0)
  }
  expect((await new Forwarder({ spool, client }).drain()).settled).toBe(1)
})

test('a line that a full disk has torn costs neither the next one nor the status of the spool', () => {
  const spool = new Spool(directory)
  const refused = { id: 'a', epoch: '1', reason: 'INVALID_REQUEST', message: 'no', event: '' }
  spool.setAside(refused)
  appendFileSync(join(directory, 'refused.ndjson'), '{"id":"torn"')
  spool.setAside({ ...refused, id: 'b' })
  appendFileSync(join(directory, 'refused.ndjson'), '{"id":"to{"id":"joined"}\n')
  expect(spool.refused().map(({ id }) => id)).toEqual(['a', 'b'])
})
