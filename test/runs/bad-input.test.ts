import { randomUUID } from 'node:crypto'
import { credentials } from '@grpc/grpc-js'
import { Holdfast } from '@holdfast/sdk'
import { Run_State } from '@holdfast/sdk/messages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LogEntry_Stream } from '../../proto/gen/holdfast/v1/run.ts'
import {
  AppendRunLogRequest,
  type ReadRunLogResponse,
  RunServiceClient,
} from '../../proto/gen/holdfast/v1/run_service.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

let server: TestServer
let holdfast: Holdfast
let runs: RunServiceClient
beforeAll(async () => {
  server = await testServer()
  holdfast = await Holdfast.connect({ address: server.address })
  runs = new RunServiceClient(server.address, credentials.createInsecure())
})
afterAll(async () => {
  holdfast.close()
  runs.close()
  await server[Symbol.asyncDispose]()
})

async function logOf(name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const { data } of holdfast.readRunLog(name)) pieces.push(data)
  return Buffer.concat(pieces)
}

const isFound = (search: string, name: string) =>
  until(
    `${search} to be found`,
    async () => (await holdfast.listRuns({ search }).toArray()).some((run) => run.name === name),
    60_000,
  )

const post = async (message: unknown) => {
  const body = JSON.stringify(message)
  const response = await fetch(`${server.httpUrl}/chef/data-collector`, { method: 'POST', body })
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
}

/** Ends a run with a token, as a program without the SDK may. */
const finishWith = (name: string, state: Run_State, fencingToken: bigint): Promise<string> =>
  new Promise((resolve) => {
    const request = { name, state, message: '', exitCode: undefined, endTime: undefined, fencingToken }
    runs.finishRun(request, (error) => resolve(error === null ? 'ok' : errorInfoOf(error).reason))
  })

const read = (name: string, offset = 0n): AsyncIterable<ReadRunLogResponse> =>
  runs.readRunLog({ name, offset, tailBytes: 0n, follow: false })

test('log bytes that are not UTF-8 are kept as they came, and what is beside them is found', {
  timeout: 120_000,
}, async () => {
  const run = await holdfast.startRun({ kind: 'task' })
  const odd = Buffer.from([0xff, 0x00, 0xfe, ...Buffer.from(' besides '), 0xc3, 0x28, 0x0a])
  await run.log(odd, { stream: 'stderr' })
  await run.finish('succeeded')
  expect((await logOf(run.name)).equals(odd)).toBe(true)
  await isFound('besides', run.name)
})

test('a line of 10 MB is kept whole, and found by its beginning, its middle and its end', {
  timeout: 120_000,
}, async () => {
  const run = await holdfast.startRun({ kind: 'task' })
  const line = Buffer.alloc(10_000_000, 'x.')
  for (const [at, text] of [
    [0, 'beginning'],
    [5_000_000, 'middle'],
    [line.length - 4, 'end!'],
  ] as const) {
    line.write(text, at)
  }
  await run.log(line)
  await run.finish('succeeded')
  expect((await logOf(run.name)).equals(line)).toBe(true)
  for (const part of ['beginning', 'middle', 'end!']) await isFound(part, run.name)
  const tail = []
  for await (const piece of holdfast.readRunLog(run.name, { tailBytes: 4 })) tail.push(piece)
  expect(tail).toMatchObject([{ offset: 9_999_996n, omittedBytes: 0n, data: Buffer.from('end!') }])
})

test('a log of lines of 1 MiB is read by a client that takes messages of 4 MiB, as all do unless told otherwise', async () => {
  const run = await holdfast.startRun({ kind: 'task' })
  const line = {
    data: Buffer.alloc(1 << 20, 'x'),
    stream: LogEntry_Stream.STDOUT,
    machine: '',
    omittedBytes: 0n,
    time: undefined,
  }
  await new Promise<void>((resolve, reject) => {
    const append = runs.appendRunLog((error) => (error ? reject(error) : resolve()))
    for (let i = 0n; i < 8n; i++) {
      append.write({ name: run.name, entries: [{ ...line, offset: i << 20n }] })
    }
    append.end()
  })
  await run.finish('succeeded')
  let reached = 0n
  for await (const { entries, nextOffset } of read(run.name)) {
    expect(entries[0]!.offset).toBe(reached)
    for (const { data } of entries) reached += BigInt(data.length)
    expect(nextOffset).toBe(reached)
  }
  expect(reached).toBe(8n << 20n)
})

test('an entry of a log is about a machine by its name, or about none', async () => {
  const run = await holdfast.startRun({ kind: 'task' })
  const append = (machine: string) =>
    new Promise<string>((resolve) => {
      const call = runs.appendRunLog((error) => resolve(error?.details ?? 'ok'))
      call.write(AppendRunLogRequest.fromPartial({ name: run.name, entries: [{ machine }] }))
      call.end()
    })
  expect(await append('web 0')).toContain('entries[0].machine: must be machines/{id}')
  expect(await append('machines/web-0')).toBe('ok')
  await run.finish('succeeded')
})

test('a place beyond all logs is refused, in few words', async () => {
  const run = await holdfast.startRun({ kind: 'task' })
  const reading = read(run.name, 2n ** 63n)
    [Symbol.asyncIterator]()
    .next()
  await expect(reading).rejects.toThrow('INVALID_ARGUMENT: offset: must be at most')
  await run.finish('succeeded')
})

test('a converge of 5 MB is a run with its whole log', async () => {
  const resources = Array.from({ length: 20_000 }, (_, i) => ({
    ...{ type: 'file', name: `/srv/app/releases/${i}/config`, status: 'updated', result: 'create' },
    ...{ after: { owner: 'app', checksum: 'c'.repeat(64) }, before: { checksum: 'b'.repeat(64) } },
  }))
  const message = {
    ...{ message_type: 'run_converge', run_id: randomUUID(), node_name: 'large-0', status: 'success' },
    resources,
  }
  expect(JSON.stringify(message).length).toBeGreaterThan(5_000_000)
  const { status, answer } = await post(message)
  expect({ status, result: answer.result }).toEqual({ status: 200, result: 'recorded' })
  const log = (await logOf(answer.run as string)).toString()
  expect(log.match(/action create: updated/g)).toHaveLength(20_000)
})

test('a run finished twice with different outcomes stays as it ended first, and the second is told', async () => {
  const run = await holdfast.startRun({ kind: 'deploy', service: 'twice', version: '1', machines: ['web-0'] })
  expect(await finishWith(run.name, Run_State.FAILED, 0n)).toBe('ok')
  const first = await holdfast.getRun(run.name)
  expect(await finishWith(run.name, Run_State.FAILED, 0n)).toBe('ok')
  expect(await finishWith(run.name, Run_State.SUCCEEDED, 0n)).toBe('RUN_FINISHED')
  expect(await holdfast.getRun(run.name)).toEqual(first)
  expect(first.state).toBe(Run_State.FAILED)
})

test('a finish from another token is refused, and one from that of the lock is taken', async () => {
  await using lock = await holdfast.acquireLock({ service: 'token' })
  await using other = await holdfast.acquireLock({ service: 'other' })
  const run = await holdfast.startRun({ kind: 'deploy', service: 'token', version: '1', lock })
  expect(await finishWith(run.name, Run_State.SUCCEEDED, other.fencingToken)).toBe('STALE_TOKEN')
  expect((await holdfast.getRun(run.name)).state).toBe(Run_State.RUNNING)
  expect(await finishWith(run.name, Run_State.SUCCEEDED, lock.fencingToken)).toBe('ok')
  const free = await holdfast.startRun({ kind: 'task' })
  expect(await finishWith(free.name, Run_State.SUCCEEDED, other.fencingToken)).toBe('STALE_TOKEN')
  await free.finish('succeeded')
})

test('a Chef message with fields missing is refused with each of them, and nothing is stored', async () => {
  const before = await holdfast.listRuns({ filter: 'kind = CONVERGE' }).toArray()
  const { status, answer } = await post({ message_type: 'run_converge', node_name: 'missing-0' })
  expect(status).toBe(400)
  for (const field of ['run_id', 'status']) expect(JSON.stringify(answer)).toContain(`"field":"${field}"`)
  expect(await holdfast.listRuns({ filter: 'kind = CONVERGE' }).toArray()).toEqual(before)
  await expect(holdfast.getMachine('missing-0')).rejects.toMatchObject({ reason: 'NOT_FOUND' })
})

test('a Chef message with fields of the wrong type is refused where they matter, and taken without them where not', async () => {
  const message = {
    message_type: 'run_converge',
    run_id: randomUUID(),
    node_name: 'typed-0',
    status: 'success',
  }
  const { status, answer } = await post({ ...message, status: 7, resources: 'all', end_time: 'soon' })
  expect(status).toBe(400)
  for (const field of ['status', 'resources', 'end_time']) {
    expect(JSON.stringify(answer)).toContain(`"field":"${field}"`)
  }
  const odd = { entity_uuid: 5, run_list: 'x', cookbooks: [], error: 'boom', node: { automatic: { cpu: 4 } } }
  expect(await post({ ...message, ...odd })).toMatchObject({ status: 200, answer: { result: 'recorded' } })
})

test('10,000 targets are one run, a report of one does not touch the others, and one more is refused', async () => {
  const machines = Array.from({ length: 10_001 }, (_, i) => `many-${i}`)
  const about = { kind: 'deploy', service: 'many', version: '1', timeoutMs: 120_000 } as const
  await expect(holdfast.startRun({ ...about, machines })).rejects.toMatchObject({
    reason: 'INVALID_REQUEST',
    message: expect.stringContaining('one parent'),
  })
  const run = await holdfast.startRun({ ...about, machines: machines.slice(1) })
  await run.target('many-5', 'skipped')
  await run.finish('succeeded', { timeoutMs: 120_000 })
  expect(run.state.targets).toMatchObject({ total: 10_000, succeeded: 9_999, skipped: 1 })
  expect((await holdfast.getInstance('many-9999~many')).deployedVersion).toBe('1')
  const failed = await holdfast.listRunTargets(run.name).toArray()
  expect(failed).toHaveLength(10_000)
}, 300_000)
