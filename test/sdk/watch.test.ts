import type { ServerWritableStream } from '@grpc/grpc-js'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  Change_Type,
  type WatchPosition,
  type WatchStateRequest,
  WatchStateResponse,
} from '../../proto/gen/holdfast/v1/watch.ts'
import {
  ClientClosedError,
  CompactedError,
  type ConnectOptions,
  EpochChangedError,
  Holdfast,
  InvalidRequestError,
  type WatchEvent,
  type WatchOptions,
} from '../../sdk/src/index.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { refusal, startPeer, until } from './scripted-peer.ts'

type Call = ServerWritableStream<WatchStateRequest, WatchStateResponse>

function at(revision: number, snapshotCursor = ''): WatchPosition {
  return { ledgerEpoch: 1n, revision: BigInt(revision), snapshotCursor }
}

function snapshot(revision: number, names: string[], cursor: string, reset = false): WatchStateResponse {
  const resources = names.map((name) => ({ resource: { $case: 'machine' as const, value: { name } } }))
  const value = { resources, position: at(revision, cursor), reset }
  return WatchStateResponse.fromPartial({ step: { $case: 'snapshot', value } })
}

function snapshotEnd(revision: number): WatchStateResponse {
  return WatchStateResponse.fromPartial({
    step: { $case: 'snapshotEnd', value: { position: at(revision) } },
  })
}

function changes(first: number, last = first, upTo = last): WatchStateResponse {
  const revisions = Array.from({ length: last - first + 1 }, (_, index) => ({
    revision: BigInt(first + index),
    commitTime: { seconds: BigInt(first + index), nanos: 0 },
    changes: [{ type: Change_Type.PUT, resource: { resource: { $case: 'machine' as const, value: {} } } }],
  }))
  return WatchStateResponse.fromPartial({
    step: { $case: 'changes', value: { revisions, position: at(upTo) } },
  })
}

function progress(revision: number): WatchStateResponse {
  return WatchStateResponse.fromPartial({ step: { $case: 'progress', value: { position: at(revision) } } })
}

/** A peer that follows one script a stream; the last one stays. Gives the requests that came. */
async function watched(
  scripts: ((call: Call) => void)[],
  connect: ConnectOptions = {},
): Promise<{
  holdfast: Holdfast
  requests: WatchStateRequest[]
}> {
  const requests: WatchStateRequest[] = []
  const peer = await startPeer({
    watchState: (call) => {
      requests.push(call.request)
      scripts[Math.min(requests.length, scripts.length) - 1]!(call)
    },
  })
  const holdfast = Holdfast.lazy({ address: peer.address, ...connect })
  onTestFinished(() => holdfast.close())
  return { holdfast, requests }
}

/** Counts the times that a watch was cut off: its wait for the next stream has begun when that is counted. */
function countCuts() {
  const cuts = { count: 0 }
  const silent = () => {}
  const logger = { debug: silent, info: silent, warn: () => void cuts.count++, error: silent }
  return { cuts, logger }
}

async function take(holdfast: Holdfast, count: number, options: WatchOptions = {}): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  for await (const event of holdfast.watchState(options)) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}

const say =
  (...messages: WatchStateResponse[]) =>
  (call: Call): void => {
    for (const message of messages) call.write(message)
  }

const sayThenFail =
  (...messages: WatchStateResponse[]) =>
  (call: Call): void => {
    say(...messages)(call)
    call.emit('error', refusal('UNAVAILABLE', 'going down', { reason: 'SERVER_DRAINING' }))
  }

afterEach(() => {
  vi.useRealTimers()
})

describe('steps', () => {
  test('snapshot, its end, every revision by itself, progress', async () => {
    const { holdfast, requests } = await watched([
      say(snapshot(5, ['machines/a'], 'c1'), snapshotEnd(5), changes(6, 8, 9), progress(12)),
    ])
    const events = await take(holdfast, 6, { filter: 'kind = machine' })
    expect(events.map(({ type, revision }) => `${type} ${revision}`)).toEqual([
      'snapshot 5',
      'snapshotEnd 5',
      'change 6',
      'change 7',
      'change 8',
      'progress 12',
    ])
    expect(events[0]).toMatchObject({
      reset: false,
      resources: [{ $case: 'machine' }],
      position: at(5, 'c1'),
    })
    // Each revision can be resumed from; the last one knows that nothing follows up to 9.
    expect(events.slice(2, 5).map(({ position }) => position)).toEqual([at(6), at(7), at(9)])
    expect(events[2]).toMatchObject({ commitTime: new Date(6000), changes: [{ type: 'put' }] })
    expect(requests).toEqual([
      { filter: 'kind = machine', resume: undefined, skipSnapshot: false, resetIfLost: false },
    ])
  })

  test('a step out of its order is an error, not a wrong state', async () => {
    const { holdfast } = await watched([say(snapshot(5, ['machines/a'], 'c1'), changes(6))])
    await expect(take(holdfast, 2)).rejects.toMatchObject({ reason: 'OUT_OF_ORDER' })
  })

  test('resume and skipSnapshot exclude each other', async () => {
    const { holdfast } = await watched([])
    const [{ position }] = (await take((await watched([say(progress(3))])).holdfast, 1)) as [WatchEvent]
    await expect(take(holdfast, 1, { resume: position, skipSnapshot: true })).rejects.toThrow(TypeError)
  })
})

describe('W5 resumes', () => {
  test('after the last position, nothing skipped and nothing twice', async () => {
    const { holdfast, requests } = await watched([
      sayThenFail(snapshot(5, ['machines/a'], 'c1')),
      sayThenFail(snapshot(5, ['machines/b'], 'c2'), snapshotEnd(5)),
      sayThenFail(changes(6, 7)),
      sayThenFail(progress(10)),
      say(changes(11)),
    ])
    const events = await take(holdfast, 7)
    expect(events.map(({ type, revision }) => `${type} ${revision}`)).toEqual([
      'snapshot 5',
      'snapshot 5',
      'snapshotEnd 5',
      'change 6',
      'change 7',
      'progress 10',
      'change 11',
    ])
    expect(requests.map(({ resume }) => resume)).toEqual([undefined, at(5, 'c1'), at(5), at(7), at(10)])
  })

  test('from a position that an earlier watch gave', async () => {
    const first = await watched([say(changes(6))])
    const [event] = (await take(first.holdfast, 1)) as [WatchEvent]
    const second = await watched([say(changes(7))])
    await take(second.holdfast, 1, { resume: event.position })
    expect(second.requests[0]!.resume).toEqual(at(6))
  })

  test('skips the snapshot only while it has no position', async () => {
    const { holdfast, requests } = await watched([sayThenFail(progress(6)), say(changes(7))])
    await take(holdfast, 2, { skipSnapshot: true })
    expect(requests.map(({ skipSnapshot, resume }) => [skipSnapshot, resume])).toEqual([
      [true, undefined],
      [false, at(6)],
    ])
  })

  test('when the server ends the stream without an error', async () => {
    const { holdfast, requests } = await watched([
      (call) => {
        call.write(progress(6))
        call.end()
      },
      say(changes(7)),
    ])
    expect(await take(holdfast, 2)).toMatchObject([{ revision: 6n }, { revision: 7n }])
    expect(requests[1]!.resume).toEqual(at(6))
  })

  test('when the server goes away and another one comes to its address', async () => {
    const first = await startPeer({ watchState: (call) => void call.write(progress(6)) })
    await using proxy = await tcpProxy(first.address)
    const holdfast = Holdfast.lazy({ address: proxy.address })
    onTestFinished(() => holdfast.close())
    const watch = holdfast.watchState()[Symbol.asyncIterator]()
    expect((await watch.next()).value).toMatchObject({ type: 'progress' })
    first.kill()
    const second = await startPeer({ watchState: (call) => void call.write(changes(7)) })
    proxy.moveTo(second.address)
    expect((await watch.next()).value).toMatchObject({ type: 'change', revision: 7n })
    await watch.return?.()
  })

  test('with a new token when the old one is refused', async () => {
    const tokens: unknown[] = []
    let count = 0
    const { holdfast } = await watched(
      [
        (call) => {
          tokens.push(call.metadata.get('authorization')[0])
          if (tokens.length === 1) call.emit('error', refusal('UNAUTHENTICATED', 'expired'))
          else call.write(progress(1))
        },
      ],
      { token: () => String(++count) },
    )
    await take(holdfast, 1)
    expect(tokens).toEqual(['Bearer 1', 'Bearer 2'])
  })

  test('a server that falls silent is left after 11 seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { cuts, logger } = countCuts()
    const { holdfast, requests } = await watched([say(progress(6)), say(changes(7))], { logger })
    const watch = holdfast.watchState()[Symbol.asyncIterator]()
    await watch.next()
    const next = watch.next()
    await vi.advanceTimersByTimeAsync(10_900)
    expect(requests).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(300)
    await until(() => cuts.count === 1, 'the cut')
    await vi.advanceTimersByTimeAsync(200)
    expect((await next).value).toMatchObject({ type: 'change', revision: 7n })
    expect(requests.map(({ resume }) => resume)).toEqual([undefined, at(6)])
    await watch.return?.()
  })
})

describe('W11 a lost position', () => {
  test('is a CompactedError or an EpochChangedError', async () => {
    for (const [type, code, reason] of [
      [CompactedError, 'OUT_OF_RANGE', 'REVISION_COMPACTED'],
      [EpochChangedError, 'FAILED_PRECONDITION', 'EPOCH_CHANGED'],
    ] as const) {
      const { holdfast, requests } = await watched([
        sayThenFail(progress(6)),
        (call) => void call.emit('error', refusal(code, 'lost', { reason })),
      ])
      await expect(take(holdfast, 2)).rejects.toBeInstanceOf(type)
      expect(requests).toHaveLength(2)
    }
  })

  test('begins a new snapshot when asked to', async () => {
    const { holdfast, requests } = await watched([
      sayThenFail(changes(6)),
      say(snapshot(99, ['machines/a'], 'c1', true), snapshotEnd(99)),
    ])
    const events = await take(holdfast, 3, { onLost: 'reset' })
    expect(events[1]).toMatchObject({ type: 'snapshot', reset: true, revision: 99n })
    expect(requests.every(({ resetIfLost }) => resetIfLost)).toBe(true)
  })

  test('a filter that makes no sense is not tried again', async () => {
    const { holdfast, requests } = await watched([
      (call) => void call.emit('error', refusal('INVALID_ARGUMENT', 'foo?', { reason: 'FILTER_INVALID' })),
    ])
    await expect(take(holdfast, 1)).rejects.toBeInstanceOf(InvalidRequestError)
    expect(requests).toHaveLength(1)
  })

  test('a server that fails every time is given up', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { cuts, logger } = countCuts()
    const { holdfast, requests } = await watched(
      [(call) => void call.emit('error', refusal('INTERNAL', 'something broke'))],
      { logger },
    )
    const end = take(holdfast, 1).catch((error: Error) => error)
    for (let round = 1; round < 8; round++) {
      await until(() => cuts.count === round, `the end of attempt ${round}`)
      await vi.advanceTimersByTimeAsync(5000)
    }
    expect(await end).toMatchObject({ code: 'INTERNAL', detail: 'something broke' })
    expect(requests).toHaveLength(8)
  })
})

describe('ends', () => {
  test('break cancels the call at the server', async () => {
    let cancelled = false
    const { holdfast } = await watched([
      (call) => {
        call.on('cancelled', () => {
          cancelled = true
        })
        call.write(progress(1))
      },
    ])
    await take(holdfast, 1)
    await until(() => cancelled, 'the cancellation')
  })

  test('an aborted signal throws its reason, and cancels the call', async () => {
    let cancelled = false
    const { holdfast } = await watched([
      (call) => {
        call.on('cancelled', () => {
          cancelled = true
        })
        call.write(progress(1))
      },
    ])
    const aborter = new AbortController()
    const watch = holdfast.watchState({ signal: aborter.signal })[Symbol.asyncIterator]()
    await watch.next()
    const next = watch.next()
    aborter.abort(new Error('enough'))
    await expect(next).rejects.toThrow('enough')
    await until(() => cancelled, 'the cancellation')
  })

  test('closing the client ends the watch', async () => {
    const { holdfast } = await watched([say(progress(1))])
    const watch = holdfast.watchState()[Symbol.asyncIterator]()
    await watch.next()
    const next = watch.next()
    holdfast.close()
    await expect(next).rejects.toBeInstanceOf(ClientClosedError)
  })
})

test('W12 a consumer that does not read is not read for', async () => {
  const resources = Array.from({ length: 100 }, (_, n) => `machines/${n}-${'x'.repeat(1000)}`)
  let written = 0
  let stalled = false
  const { holdfast } = await watched([
    async (call) => {
      for (; written < 2000; written++) {
        if (call.write(snapshot(5, resources, String(written)))) continue
        stalled = true
        await new Promise((resolve) => call.once('drain', resolve))
        stalled = false
      }
    },
  ])
  const watch = holdfast.watchState()[Symbol.asyncIterator]()
  await watch.next()
  let last = -1
  await until(() => {
    const still = stalled && last === written
    last = written
    return still
  }, 'the server to be stopped')
  // 2,000 parts of 100 kB: 200 MB that nobody holds.
  expect(written).toBeLessThan(100)
  let received = 1
  while (received < 2000) {
    await watch.next()
    received++
  }
  await watch.return?.()
})
