import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerCredentials } from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { GetServerInfoResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { type EventBatch, IngestBatchResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { GetMachineResponse, ListMachinesResponse } from '../../proto/gen/holdfast/v1/state_service.ts'
import {
  ClientClosedError,
  CompactedError,
  type ConnectOptions,
  DeadlineExceededError,
  EventRefusedError,
  Holdfast,
  InvalidRequestError,
  NotFoundError,
  revision,
  UnauthenticatedError,
  UnavailableError,
} from '../../sdk/src/index.ts'
import { refusal, startPeer, until } from './scripted-peer.ts'

const written = IngestBatchResponse.fromPartial({ outcome: { revision: 12n, ledgerEpoch: 3n, accepted: 1 } })

function client(options: ConnectOptions): Holdfast {
  const holdfast = Holdfast.lazy(options)
  onTestFinished(() => holdfast.close())
  return holdfast
}

async function failure<E extends Error>(
  type: new (...args: never[]) => E,
  promise: Promise<unknown>,
): Promise<E> {
  const error = await promise.then(
    () => expect.fail('it went well'),
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(type)
  return error as E
}

describe('connecting', () => {
  test('connect proves that the server is there', async () => {
    const peer = await startPeer({})
    const holdfast = await Holdfast.connect({ address: peer.address })
    onTestFinished(() => holdfast.close())
    expect(holdfast.connectionState).toBe('ready')
    expect((await holdfast.getServerInfo()).version).toBe('scripted')
  })

  test('connect to where nobody listens says so, and where', async () => {
    const error = await failure(
      UnavailableError,
      Holdfast.connect({ address: '127.0.0.1:1', maxAttempts: 1 }),
    )
    expect(error.message).toMatch(/^\[unavailable\] could not connect to 127\.0\.0\.1:1: .*ECONNREFUSED/)
  })

  test('a server that takes the connection and says nothing does not hang the caller', async () => {
    const { createServer } = await import('node:net')
    const mute = createServer(() => {}).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    onTestFinished(() => void mute.close())
    const { port } = mute.address() as { port: number }
    const error = await failure(
      UnavailableError,
      Holdfast.connect({ address: `127.0.0.1:${port}`, timeoutMs: 200 }),
    )
    expect(error.reason).toBe('CONNECT_TIMED_OUT')
    expect(error.detail).toContain('within 200 ms')
  })

  test('says which software calls, and sends the token', async () => {
    const seen: unknown[] = []
    const peer = await startPeer({
      ingestBatch: ({ metadata }, callback) => {
        seen.push(metadata.get('authorization')[0], metadata.get('holdfast-client')[0])
        callback(null, written)
      },
    })
    await client({ address: peer.address, token: 'secret' }).started('airship', { machine: 'web-0' })
    expect(seen).toEqual(['Bearer secret', 'ts/0.1.0'])
  })

  test('a refused token is fetched once more, then the call fails', async () => {
    const seen: unknown[] = []
    const peer = await startPeer({
      ingestBatch: ({ metadata }, callback) => {
        const token = metadata.get('authorization')[0]
        seen.push(token)
        if (token === 'Bearer 2') callback(null, written)
        else callback(refusal('UNAUTHENTICATED', 'no such token'))
      },
    })
    let calls = 0
    const renewing = client({ address: peer.address, token: async () => String(++calls) })
    await renewing.note('hello')
    await renewing.note('again')
    expect(seen).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 2'])
    await failure(UnauthenticatedError, client({ address: peer.address, token: () => 'x' }).note('hello'))
    expect(seen.slice(3)).toEqual(['Bearer x', 'Bearer x'])
  })

  test('over TLS with a certificate of its own, and not with one that nobody vouches for', async () => {
    const [cert, key] = ['localhost.crt', 'localhost.key'].map((name) =>
      readFileSync(new URL(`../transport/fixtures/${name}`, import.meta.url)),
    )
    const credentials = ServerCredentials.createSsl(null, [{ cert_chain: cert!, private_key: key! }])
    const peer = await startPeer({}, { credentials })
    const address = `localhost:${peer.port}`
    const trusting = await Holdfast.connect({ address, tls: { ca: cert } })
    onTestFinished(() => trusting.close())
    const named = await Holdfast.connect({
      address: peer.address,
      tls: { ca: String(cert), serverName: 'localhost' },
    })
    onTestFinished(() => named.close())
    const error = await failure(UnavailableError, Holdfast.connect({ address, tls: true, maxAttempts: 1 }))
    expect(error.detail).toMatch(/certificate|self-signed/)
  })

  test('options that make no sense are refused by name', async () => {
    expect(() => Holdfast.lazy({ tls: { cert: 'x' } })).toThrow('tls.cert and tls.key go together')
    await failure(TypeError, Holdfast.connect({ address: 'https://holdfast.example' }))
  })

  test('over a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    await startPeer({}, { bind: `unix:${folder}/socket` })
    const holdfast = await Holdfast.connect({ address: `unix:${folder}/socket` })
    onTestFinished(() => holdfast.close())
    expect((await holdfast.getServerInfo()).version).toBe('scripted')
  })

  test('a token function that fails or hangs fails the call', async () => {
    const failing = client({ address: '127.0.0.1:1', token: () => Promise.reject(new Error('vault sealed')) })
    expect((await failure(UnauthenticatedError, failing.note('x'))).cause).toEqual(new Error('vault sealed'))
    const hanging = client({ address: '127.0.0.1:1', token: () => new Promise(() => {}), timeoutMs: 50 })
    await failure(DeadlineExceededError, hanging.note('x'))
  })
})

describe('calls', () => {
  test('a start is tried again while the server is UNAVAILABLE, as the same event', async () => {
    const batches: (EventBatch | undefined)[] = []
    const peer = await startPeer({
      ingestBatch: ({ request }, callback) => {
        batches.push(request.batch)
        if (batches.length === 1) callback(refusal('UNAVAILABLE', 'the database is away'))
        else callback(null, written)
      },
    })
    const answer = await client({ address: peer.address }).started('airship', { machine: 'machines/web-0' })
    expect(answer).toEqual({ revision: revision(12), ledgerEpoch: 3n, duplicate: false })
    expect(batches).toHaveLength(2)
    expect(batches[1]).toEqual(batches[0])
    expect(batches[0]!.events[0]!.payload).toMatchObject({
      $case: 'instanceStarted',
      value: { service: 'airship', machine: { id: 'web-0' } },
    })
  })

  test('RetryInfo is kept to', async () => {
    const times: number[] = []
    const peer = await startPeer({
      ingestBatch: (_call, callback) => {
        times.push(performance.now())
        if (times.length > 1) callback(null, written)
        else callback(refusal('UNAVAILABLE', 'draining', { reason: 'SERVER_DRAINING', retryAfterMs: 350 }))
      },
    })
    await client({ address: peer.address }).note('hello')
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(345)
  })

  test('the deadline is one for all attempts, and the error says what was tried', async () => {
    const peer = await startPeer({
      ingestBatch: (_call, callback) => callback(refusal('UNAVAILABLE', 'away', { retryAfterMs: 2000 })),
    })
    vi.spyOn(Math, 'random').mockReturnValue(0)
    onTestFinished(() => void vi.restoreAllMocks())
    const holdfast = client({ address: peer.address })
    // Nearly two waits: one is made with all that a busy machine needs to spare, and the second is never begun.
    const timeoutMs = 3900
    const begun = performance.now()
    const error = await failure(UnavailableError, holdfast.note('x', { timeoutMs, maxAttempts: 100 }))
    expect(performance.now() - begun).toBeLessThan(timeoutMs)
    expect(error.detail).toBe('holdfast.v1.IngestService/IngestBatch: away (2 attempts)')
  })

  test('a server that does not answer is a DeadlineExceededError', async () => {
    const peer = await startPeer({ getMachine: () => {} })
    const holdfast = client({ address: peer.address })
    // One that is not reached yet has another message.
    await holdfast.getServerInfo()
    const error = await failure(DeadlineExceededError, holdfast.getMachine('web-0', { timeoutMs: 100 }))
    expect(error.detail).toBe(
      `holdfast.v1.StateService/GetMachine: ${peer.address} did not answer within 100 ms`,
    )
    expect(error.code).toBe('DEADLINE_EXCEEDED')
  })

  test('errors carry what the server said, and the stack of the caller', async () => {
    const peer = await startPeer({
      getMachine: (_call, callback) => {
        callback(
          refusal('NOT_FOUND', 'there is no machines/web-9', { metadata: { resource: 'machines/web-9' } }),
        )
      },
    })
    const holdfast = client({ address: peer.address })
    async function whoCalls() {
      await holdfast.getMachine('web-9')
    }
    const error = await failure(NotFoundError, whoCalls())
    expect(error).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'NOT_FOUND',
      detail: 'there is no machines/web-9',
      metadata: { resource: 'machines/web-9' },
    })
    expect(error.message).toBe('[not found] there is no machines/web-9')
    expect(error.stack).toContain('whoCalls')
  })

  test('a refused event is an EventRefusedError', async () => {
    const peer = await startPeer({
      ingestBatch: ({ request }, callback) => {
        const status = { code: 11, message: 'occurred in 1970', details: [] }
        const refused = [{ id: request.batch!.events[0]!.id, seq: 0n, index: 0, status }]
        callback(null, IngestBatchResponse.fromPartial({ outcome: { refused } }))
      },
    })
    const holdfast = client({ address: peer.address })
    const error = await failure(
      EventRefusedError,
      holdfast.note('x', { occurredAt: new Date(0), id: 'the-id' }),
    )
    expect(error).toMatchObject({ code: 'OUT_OF_RANGE', metadata: { eventId: 'the-id' } })
  })

  test('a value that the contract has no room for is an InvalidRequestError', async () => {
    const holdfast = client({ address: '127.0.0.1:1' })
    await failure(InvalidRequestError, holdfast.stopped('airship', { exitCode: 1.5 }))
    await failure(InvalidRequestError, holdfast.listMachines({ pageSize: 2 ** 40 }).toArray())
  })

  test('as of a time or a revision', async () => {
    const asked: unknown[] = []
    const peer = await startPeer({
      getMachine: ({ request }, callback) => {
        asked.push(request)
        callback(null, GetMachineResponse.fromPartial({ machine: { name: request.name } }))
      },
    })
    const holdfast = client({ address: peer.address })
    await holdfast.getMachine('web-0', { asOf: new Date(1500), full: true })
    await holdfast.getMachine('machines/web-0', { asOf: revision(9) })
    expect(asked).toEqual([
      { name: 'machines/web-0', view: 2, readTime: { seconds: 1n, nanos: 500_000_000 }, revision: 0n },
      { name: 'machines/web-0', view: 1, readTime: undefined, revision: 9n },
    ])
  })

  test('as of revision 0 nothing was there: it is not taken for now', async () => {
    let compactedRevision = 0n
    const peer = await startPeer({
      getMachine: ({ request }, callback) =>
        callback(null, { machine: undefined, revision: request.revision }),
      getServerInfo: (_call, callback) =>
        callback(null, GetServerInfoResponse.fromPartial({ compactedRevision })),
    })
    const holdfast = client({ address: peer.address })
    const asOf = revision(0)
    await failure(NotFoundError, holdfast.getMachine('web-0', { asOf }))
    expect(await holdfast.listInstances({ asOf }).toArray()).toEqual([])
    compactedRevision = 5n
    await failure(CompactedError, holdfast.getMachine('web-0', { asOf }))
    await failure(CompactedError, holdfast.listVersions({ asOf }).toArray())
  })

  test('pages are fetched as they are needed', async () => {
    const tokens: string[] = []
    const peer = await startPeer({
      listMachines: ({ request }, callback) => {
        tokens.push(request.pageToken)
        const page = Number(request.pageToken || 0)
        const machines = [{ name: `machines/a-${page}` }, { name: `machines/b-${page}` }]
        const nextPageToken = page < 2 ? String(page + 1) : ''
        callback(null, ListMachinesResponse.fromPartial({ machines, nextPageToken, revision: 5n }))
      },
    })
    const holdfast = client({ address: peer.address })
    expect((await holdfast.listMachines().toArray({ limit: 3 })).map(({ name }) => name)).toEqual([
      'machines/a-0',
      'machines/b-0',
      'machines/a-1',
    ])
    expect(tokens).toEqual(['', '1'])
    const revisions: unknown[] = []
    for await (const page of holdfast.listMachines().pages()) revisions.push(page.revision)
    expect(revisions).toEqual([5n, 5n, 5n])
  })
})

describe('ends', () => {
  test('an aborted call rejects with the reason, and the server hears', async () => {
    let cancelled = false
    let called = false
    const peer = await startPeer({
      getMachine: (call) => {
        called = true
        call.on('cancelled', () => {
          cancelled = true
        })
      },
    })
    const aborter = new AbortController()
    const holdfast = client({ address: peer.address })
    // With a deadline that comes after all waits here: that would cancel it too.
    const promise = holdfast.getMachine('web-0', { signal: aborter.signal, timeoutMs: 60_000 })
    await until(() => called, 'the call')
    aborter.abort(new Error('changed my mind'))
    await expect(promise).rejects.toThrow('changed my mind')
    await until(() => cancelled, 'the cancellation')
  })

  test('a signal that was aborted before ends the call at once', async () => {
    const holdfast = client({ address: '127.0.0.1:1' })
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(holdfast.note('x', { signal })).rejects.toThrow('too late')
  })

  test('an abort ends the wait between two attempts', async () => {
    const peer = await startPeer({
      ingestBatch: (_call, callback) => {
        callback(refusal('UNAVAILABLE', 'away', { retryAfterMs: 9000 }))
        setImmediate(() => aborter.abort(new Error('enough')))
      },
    })
    const aborter = new AbortController()
    const promise = client({ address: peer.address }).note('x', { signal: aborter.signal })
    await expect(promise).rejects.toThrow('enough')
  })

  test('one signal over 10,000 calls gathers no listeners', async () => {
    const peer = await startPeer({ ingestBatch: (_call, callback) => callback(null, written) })
    const holdfast = client({ address: peer.address })
    const { signal } = new AbortController()
    for (let done = 0; done < 10_000; done += 100) {
      await Promise.all(Array.from({ length: 100 }, () => holdfast.note('x', { signal })))
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    }
  })

  test('a closed client rejects, and never throws', async () => {
    const holdfast = client({ address: '127.0.0.1:1' })
    holdfast.close()
    holdfast.close()
    await failure(ClientClosedError, holdfast.note('x'))
    await failure(ClientClosedError, holdfast.getMachine('x'))
    await failure(ClientClosedError, holdfast.listMachines().toArray())
    await failure(ClientClosedError, holdfast.watchState()[Symbol.asyncIterator]().next())
    await failure(
      ClientClosedError,
      holdfast
        .ingest()
        .flush()
        .then(() => holdfast.ingest().send({} as never)),
    )
    expect(holdfast.connectionState).toBe('closed')
  })

  test('close ends calls under way', async () => {
    let called = false
    const peer = await startPeer({
      getMachine: () => {
        called = true
      },
    })
    const holdfast = client({ address: peer.address })
    const promise = holdfast.getMachine('web-0')
    await until(() => called, 'the call')
    holdfast.close()
    await failure(ClientClosedError, promise)
  })

  test('nothing keeps the process alive after close, with calls and streams under way', async () => {
    const peer = await startPeer({
      getMachine: () => {},
      watchState: () => {},
      ingest: () => {},
    })
    const script = `
      import { event, Holdfast } from ${JSON.stringify(new URL('../../sdk/src/index.ts', import.meta.url).href)}
      const holdfast = await Holdfast.connect({ address: '${peer.address}' })
      const ends = [
        holdfast.getMachine('web-0'),
        holdfast.watchState()[Symbol.asyncIterator]().next(),
        holdfast.ingest().sendAndWait(event.note('x')),
      ].map((promise) => promise.catch((error) => error.name))
      setTimeout(() => holdfast.close(), 100)
      console.log(JSON.stringify(await Promise.all(ends)))
      console.log('closed at', performance.now())
      process.on('exit', () => console.log('exit at', performance.now()))
    `
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd })
    let output = ''
    child.stdout.on('data', (bytes) => {
      output += bytes
    })
    child.stderr.pipe(process.stderr)
    await once(child, 'close')
    expect(output).toContain('["ClientClosedError","ClientClosedError","ClientClosedError"]')
    const [closed, exit] = [...output.matchAll(/at ([\d.]+)/g)].map(([, at]) => Number(at))
    // Milliseconds, of the ten seconds and more that the timers of what was under way would take.
    expect(exit! - closed!).toBeLessThan(3000)
  })
})

test('a filter that makes no sense is an InvalidRequestError with its reason', async () => {
  const peer = await startPeer({
    listMachines: (_call, callback) =>
      callback(refusal('INVALID_ARGUMENT', 'unknown field `foo` at 0', { reason: 'FILTER_INVALID' })),
  })
  const holdfast = client({ address: peer.address })
  const error = await failure(InvalidRequestError, holdfast.listMachines({ filter: 'foo = 1' }).toArray())
  expect(error.reason).toBe('FILTER_INVALID')
})
