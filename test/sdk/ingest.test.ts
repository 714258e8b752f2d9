import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { IngestResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import {
  ClientClosedError,
  DeadlineExceededError,
  EventRefusedError,
  event,
  Holdfast,
  type IngestStream,
  type IngestStreamOptions,
  InvalidRequestError,
} from '../../sdk/src/index.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { type Cut, ScriptedLedger } from './scripted-ledger.ts'
import { refusal, type ScriptedPeer, startPeer, until } from './scripted-peer.ts'

function note(n: number) {
  return event.note(String(n))
}

function texts(events: Event[]): (string | undefined)[] {
  return events.map(({ payload }) => (payload?.$case === 'noteRecorded' ? payload.value.text : undefined))
}

function streamTo(peer: Pick<ScriptedPeer, 'address'>, options: IngestStreamOptions = {}): IngestStream {
  const holdfast = Holdfast.lazy({ address: peer.address, source: 'test' })
  onTestFinished(() => holdfast.close())
  return holdfast.ingest(options)
}

async function ledgerStream(
  script: ConstructorParameters<typeof ScriptedLedger>[0],
  options: IngestStreamOptions = {},
) {
  const ledger = new ScriptedLedger(script)
  const peer = await startPeer({ ingest: ledger.ingest })
  return { ledger, stream: streamTo(peer, options) }
}

describe('delivery', () => {
  test('events arrive once, in order, numbered from 1, with time and source', async () => {
    const { ledger, stream } = await ledgerStream({}, { source: 'deploy-tool', epoch: 77n })
    const before = Date.now()
    for (let n = 0; n < 2500; n++) await stream.send(note(n))
    await stream.flush()
    expect(texts(ledger.events)).toEqual(Array.from({ length: 2500 }, (_, n) => String(n)))
    expect(ledger.events.map(({ seq }) => Number(seq))).toEqual(Array.from({ length: 2500 }, (_, n) => n + 1))
    expect(new Set(ledger.batches.map(({ source, epoch }) => `${source} ${epoch}`))).toEqual(
      new Set(['deploy-tool 77']),
    )
    const ids = ledger.events.map(({ id }) => id)
    expect(ids).toEqual([...ids].sort())
    const { seconds, nanos } = ledger.events[0]!.occurredTime!
    const occurred = Number(seconds) * 1000 + nanos / 1e6
    expect(occurred).toBeGreaterThanOrEqual(before)
    expect(occurred).toBeLessThanOrEqual(Date.now())
    expect(stream.stats).toEqual({
      sent: 2500,
      acked: 2500,
      refused: 0,
      duplicates: 0,
      reconnects: 0,
      ackedSeq: 2500,
      revision: 2500n,
      ledgerEpoch: 1n,
    })
    await stream.close()
  })

  test('what is sent while a batch is under way goes out as one batch', async () => {
    const { ledger, stream } = await ledgerStream({}, { maxBatchEvents: 100 })
    await stream.sendAndWait(note(0))
    for (let n = 1; n <= 250; n++) void stream.send(note(n))
    await stream.flush()
    expect(ledger.batches.map(({ events }) => events.length)).toEqual([1, 100, 100, 50])
  })

  test('a stream that is cut sends again what was not acknowledged, and nothing else', async () => {
    const { ledger, stream } = await ledgerStream(
      { cuts: [{ stored: 3, acked: 1 }] },
      { maxBatchEvents: 10, maxInFlight: 4 },
    )
    for (let n = 0; n < 100; n++) await stream.send(note(n))
    await stream.flush()
    expect(texts(ledger.events)).toEqual(Array.from({ length: 100 }, (_, n) => String(n)))
    expect(stream.stats).toMatchObject({ acked: 100, duplicates: 20, reconnects: 1 })
    // Sent again as they were: the same ids and numbers in the same batches.
    expect(ledger.batches[3]).toEqual(ledger.batches[1])
    expect(ledger.batches[4]).toEqual(ledger.batches[2])
  })

  test('I2 any pattern of cuts loses nothing, counts nothing twice and keeps the order', async () => {
    const cuts = fc.array(
      fc
        .record({ stored: fc.nat(5), acked: fc.nat(5) })
        .map(({ stored, acked }): Cut => ({ stored, acked: Math.min(stored, acked) })),
      { maxLength: 6 },
    )
    vi.spyOn(Math, 'random').mockReturnValue(0)
    onTestFinished(() => void vi.restoreAllMocks())
    const settings = fc.record({ cuts, maxBatchEvents: fc.integer({ min: 1, max: 7 }), count: fc.nat(60) })
    await fc.assert(
      fc.asyncProperty(settings, async ({ cuts, maxBatchEvents, count }) => {
        const { ledger, stream } = await ledgerStream({ cuts }, { maxBatchEvents, maxInFlight: 3 })
        for (let n = 0; n < count; n++) await stream.send(note(n))
        await stream.flush()
        expect(texts(ledger.events)).toEqual(Array.from({ length: count }, (_, n) => String(n)))
        expect(stream.stats).toMatchObject({ sent: count, acked: count, ackedSeq: count })
        await stream.close()
      }),
      { numRuns: 15 },
    )
  })

  test('the server may go away and come back', async () => {
    const ledger = new ScriptedLedger()
    const first = await startPeer({ ingest: ledger.ingest })
    await using proxy = await tcpProxy(first.address)
    const stream = streamTo(proxy, { maxBatchEvents: 10 })
    await stream.sendAndWait(note(0))
    first.kill()
    for (let n = 1; n < 50; n++) await stream.send(note(n))
    const second = await startPeer({ ingest: ledger.ingest })
    proxy.moveTo(second.address)
    await stream.flush()
    expect(texts(ledger.events)).toEqual(Array.from({ length: 50 }, (_, n) => String(n)))
  })

  test('a stream that is cut while nothing is under way stays closed until it is needed', async () => {
    const { ledger, stream } = await ledgerStream({ cuts: [{ stored: 1, acked: 1 }] })
    await stream.sendAndWait(note(0))
    await stream.sendAndWait(note(1))
    expect(texts(ledger.events)).toEqual(['0', '1'])
    expect(ledger.calls).toBe(2)
  })

  test('numbers may come from a spool, with holes', async () => {
    const acked: number[] = []
    const { ledger, stream } = await ledgerStream(
      {},
      { epoch: 5n, firstSeq: 301, onAcked: (seq) => acked.push(seq) },
    )
    await stream.send(note(0))
    await stream.send({ ...note(1), seq: 310, id: '01900000-0000-7000-8000-000000000000' })
    await stream.send(note(2))
    await expect(stream.send({ ...note(3), seq: 311 })).rejects.toBeInstanceOf(InvalidRequestError)
    await stream.flush()
    expect(ledger.events.map(({ seq }) => Number(seq))).toEqual([301, 310, 311])
    expect(ledger.events[1]!.id).toBe('01900000-0000-7000-8000-000000000000')
    expect(acked.at(-1)).toBe(311)
  })
})

describe('refusals', () => {
  test('I5 a refused event is told by itself, its neighbours land', async () => {
    const refused: string[] = []
    const { ledger, stream } = await ledgerStream(
      { refuse: ({ seq }) => seq === 2n },
      { onRefused: (error) => refused.push(error.message) },
    )
    const results = await Promise.allSettled([1, 2, 3].map((n) => stream.sendAndWait(note(n))))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const { reason } = results[1] as PromiseRejectedResult
    expect(reason).toBeInstanceOf(EventRefusedError)
    expect(reason).toMatchObject({ metadata: { eventSeq: '2' }, code: 'INVALID_ARGUMENT' })
    expect(results[0]).toMatchObject({ value: { revision: expect.anything(), ledgerEpoch: 1n } })
    expect(refused).toHaveLength(1)
    expect(refused[0]).toContain('this one is not taken')
    expect(stream.stats).toMatchObject({ acked: 3, refused: 1 })
    expect(texts(ledger.events)).toEqual(['1', '3'])
  })

  test('an event that cannot be encoded, or is too large, is refused here', async () => {
    const { ledger, stream } = await ledgerStream({})
    await stream.send(note(0))
    await expect(stream.send(event.note('x'.repeat(1024 * 1024)))).rejects.toThrow('1 MiB')
    const nonsense = event.stopped('airship', { machine: 'web-0', exitCode: 1.5 })
    await expect(stream.send(nonsense)).rejects.toBeInstanceOf(InvalidRequestError)
    await expect(stream.send({ ...note(1), occurredAt: new Date(Number.NaN) })).rejects.toThrow()
    await stream.send(note(1))
    await stream.flush()
    expect(texts(ledger.events)).toEqual(['0', '1'])
    expect(ledger.events.map(({ seq }) => Number(seq))).toEqual([1, 2])
  })

  test('a stream that the server refuses fails everything that waits, once', async () => {
    const peer = await startPeer({
      ingest: (call) => void call.emit('error', refusal('INVALID_ARGUMENT', 'batch too large')),
    })
    const stream = streamTo(peer)
    const waiting = stream.sendAndWait(note(0))
    await expect(stream.flush()).rejects.toBeInstanceOf(InvalidRequestError)
    await expect(waiting).rejects.toThrow('batch too large')
    await expect(stream.send(note(1))).rejects.toThrow('batch too large')
    // The failure was told: `await using` does not bury the error of the body under it.
    await stream.close()
  })

  test('a failure that no call has told is told by close', async () => {
    const peer = await startPeer({
      ingest: (call) => void call.emit('error', refusal('PERMISSION_DENIED', 'not for you')),
    })
    const stream = streamTo(peer)
    await stream.send(note(0))
    await expect(stream.close()).rejects.toThrow('not for you')
  })
})

describe('waiting', () => {
  test('send waits when the server is slower', async () => {
    let acknowledge: (() => void) | undefined
    const peer = await startPeer({
      ingest: (call) => {
        let batches = 0n
        call.on('data', () => batches++)
        acknowledge = () => call.write(IngestResponse.fromPartial({ ackedBatches: batches }))
      },
    })
    const stream = streamTo(peer, { maxBatchEvents: 10, maxInFlight: 2 })
    let sent = 0
    const sending = (async () => {
      for (; sent < 100; sent++) await stream.send(note(sent))
    })()
    await until(() => acknowledge !== undefined, 'the stream')
    await until(() => sent >= 30, 'a full queue')
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toBe(30)
    const pump = setInterval(() => acknowledge?.(), 1)
    onTestFinished(() => clearInterval(pump))
    await sending
    await stream.flush()
    expect(stream.stats.acked).toBe(100)
  })

  test('an aborted send takes its event back', async () => {
    const peer = await startPeer({ ingest: () => {} })
    const stream = streamTo(peer, { maxBatchEvents: 1, maxInFlight: 1 })
    await stream.send(note(0))
    await stream.send(note(1))
    const aborter = new AbortController()
    const blocked = stream.send(note(2), { signal: aborter.signal })
    aborter.abort(new Error('never mind'))
    await expect(blocked).rejects.toThrow('never mind')
    expect(stream.stats.sent).toBe(2)
  })

  test('flush and close do not wait longer than they are told', async () => {
    const peer = await startPeer({ ingest: () => {} })
    const stream = streamTo(peer)
    const waiting = stream.sendAndWait(note(0)).catch((error: Error) => error)
    await expect(stream.flush({ timeoutMs: 20 })).rejects.toThrow('1 of 1 events were not acknowledged')
    const aborter = new AbortController()
    const flush = stream.flush({ signal: aborter.signal })
    aborter.abort(new Error('enough'))
    await expect(flush).rejects.toThrow('enough')
    await expect(stream.close({ timeoutMs: 20 })).rejects.toBeInstanceOf(DeadlineExceededError)
    expect(await waiting).toBeInstanceOf(ClientClosedError)
    await expect(stream.send(note(1))).rejects.toBeInstanceOf(ClientClosedError)
  })

  test('an aborted sendAndWait rejects with the reason, also while its event is under way', async () => {
    let received = 0
    const peer = await startPeer({ ingest: (call) => void call.on('data', () => received++) })
    const stream = streamTo(peer)
    const aborter = new AbortController()
    const waiting = stream.sendAndWait(note(0), { signal: aborter.signal })
    await until(() => received === 1, 'the event')
    aborter.abort(new Error('never mind'))
    await expect(waiting).rejects.toThrow('never mind')
  })

  test('with a signal that was aborted before nothing is sent', async () => {
    const peer = await startPeer({ ingest: () => {} })
    const stream = streamTo(peer)
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(stream.send(note(0), { signal })).rejects.toThrow('too late')
    await expect(stream.sendAndWait(note(0), { signal })).rejects.toThrow('too late')
    expect(stream.stats.sent).toBe(0)
  })

  test('a failure after a flush that nobody waits for any more is told by close', async () => {
    let fail: (() => void) | undefined
    const peer = await startPeer({
      ingest: (call) => {
        fail = () => void call.emit('error', refusal('PERMISSION_DENIED', 'not for you'))
      },
    })
    const stream = streamTo(peer)
    await stream.send(note(0))
    const waiting = stream.sendAndWait(note(1)).catch((error: Error) => error)
    await until(() => fail !== undefined, 'the stream')
    await expect(stream.flush({ timeoutMs: 20 })).rejects.toBeInstanceOf(DeadlineExceededError)
    fail?.()
    // Who waits for one event has heard of that one.
    expect(await waiting).toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(stream.close()).rejects.toThrow('not for you')
  })

  test('await using waits for the acknowledgements and ends the stream at the server', async () => {
    let ended = false
    const ledger = new ScriptedLedger()
    const peer = await startPeer({
      ingest: (call) => {
        call.on('end', () => {
          ended = true
        })
        ledger.ingest(call)
      },
    })
    {
      await using stream = streamTo(peer)
      for (let n = 0; n < 10; n++) await stream.send(note(n))
    }
    expect(ledger.events).toHaveLength(10)
    await until(() => ended, 'the end of the stream')
  })
})
