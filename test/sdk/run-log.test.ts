import type { Metadata, ServerReadableStream } from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import { Run_State } from '../../proto/gen/holdfast/v1/run.ts'
import {
  type AppendRunLogRequest,
  type AppendRunLogResponse,
  FinishRunResponse,
  ReadRunLogResponse,
  StartRunResponse,
} from '../../proto/gen/holdfast/v1/run_service.ts'
import { type ConnectOptions, Holdfast, UnauthenticatedError } from '../../sdk/src/index.ts'
import { refusal, startPeer, until } from './scripted-peer.ts'

const name = 'runs/01900000-0000-7000-8000-000000000000'

function client(options: ConnectOptions): Holdfast {
  const holdfast = Holdfast.lazy(options)
  onTestFinished(() => holdfast.close())
  return holdfast
}

/** A token function that gives another one each time. */
function rotating(): () => string {
  let given = 0
  return () => `token-${++given}`
}

const tokenOf = ({ metadata }: { metadata: Metadata }) => metadata.get('authorization')[0]

/** A peer that has one run, and takes its log as the script says. */
async function peerWithRun(
  appendRunLog: (
    call: ServerReadableStream<AppendRunLogRequest, AppendRunLogResponse>,
    answer: (error: Error | null, response?: AppendRunLogResponse) => void,
  ) => void,
) {
  return await startPeer({
    startRun: (_call, callback) =>
      callback(null, StartRunResponse.fromPartial({ run: { name, state: Run_State.RUNNING } })),
    finishRun: ({ request }, callback) =>
      callback(null, FinishRunResponse.fromPartial({ run: { name, state: request.state } })),
    appendRunLog,
  })
}

test('a token that is rotated costs a run nothing of its log, and the run ends as its work did', async () => {
  const log: string[] = []
  const tokens: unknown[] = []
  const peer = await peerWithRun((call, answer) => {
    tokens.push(tokenOf(call))
    if (tokenOf(call) === 'Bearer token-1') return answer(refusal('UNAUTHENTICATED', 'rotated'))
    let size = 0n
    call.on('data', ({ entries }: AppendRunLogRequest) => {
      for (const { data } of entries) {
        log.push(data.toString())
        size += BigInt(data.length)
      }
    })
    call.on('end', () => answer(null, { size }))
  })
  const run = await client({ address: peer.address, token: rotating() }).startRun({ kind: 'task' })
  await run.log('migrating\n')
  await run.finish('succeeded')
  expect(run.state.state).toBe(Run_State.SUCCEEDED)
  expect(log).toEqual(['migrating\n'])
  expect(tokens).toEqual(['Bearer token-1', 'Bearer token-2'])
})

test('a token that is refused again ends the log with that', async () => {
  let streams = 0
  const peer = await peerWithRun((_call, answer) => {
    streams++
    answer(refusal('UNAUTHENTICATED', 'no such token'))
  })
  const run = await client({ address: peer.address, token: rotating() }).startRun({ kind: 'task' })
  await run.log('migrating\n')
  await expect(run.flush()).rejects.toBeInstanceOf(UnauthenticatedError)
  expect(streams).toBe(2)
})

test('a log that failed does not end the program that does not await each line; flush and finish tell', async () => {
  const peer = await peerWithRun((_call, answer) => answer(refusal('PERMISSION_DENIED', 'not for you')))
  const run = await client({ address: peer.address }).startRun({ kind: 'task' })
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  void run.log('one\n')
  await expect(run.flush()).rejects.toThrow('not for you')
  void run.log('two\n')
  // Rejections that nobody took are told after the turn.
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
  await expect(run.log('three\n')).rejects.toThrow('not for you')
  await expect(run.finish('succeeded')).rejects.toThrow('not for you')
})

test('a log is read on under a new token', async () => {
  const asked: [unknown, bigint][] = []
  const peer = await startPeer({
    readRunLog: (call) => {
      asked.push([tokenOf(call), call.request.offset])
      if (asked.length === 2) return void call.emit('error', refusal('UNAUTHENTICATED', 'rotated'))
      const data = Buffer.from('line\n')
      call.write(ReadRunLogResponse.fromPartial({ entries: [{ offset: call.request.offset, data }] }))
      if (asked.length === 1) call.emit('error', refusal('UNAVAILABLE', 'cut'))
      else call.end()
    },
  })
  const holdfast = client({ address: peer.address, token: rotating() })
  const offsets: bigint[] = []
  for await (const { offset } of holdfast.readRunLog(name)) offsets.push(offset)
  expect(offsets).toEqual([0n, 5n])
  expect(asked).toEqual([
    ['Bearer token-1', 0n],
    ['Bearer token-1', 5n],
    ['Bearer token-2', 5n],
  ])
})

test('who stops to follow a log while the token is being got is not kept', async () => {
  let streams = 0
  const peer = await startPeer({ readRunLog: () => void streams++ })
  let asked = false
  const token = () => {
    asked = true
    return new Promise<string>(() => {})
  }
  const aborter = new AbortController()
  const options = { follow: true, signal: aborter.signal }
  const holdfast = client({ address: peer.address, token, timeoutMs: 600_000 })
  const next = holdfast.readRunLog(name, options)[Symbol.asyncIterator]().next()
  await until(() => asked, 'the token')
  aborter.abort(new Error('enough'))
  await expect(next).rejects.toThrow('enough')
  expect(streams).toBe(0)
})
