import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts'
import type {
  KeepAliveRequest,
  KeepAliveResponse,
  LockGrant,
  SessionAnswer,
  SessionCall,
  SessionRequest,
  SessionResponse,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import { type ConnectOptions, Holdfast } from '../../sdk/src/index.ts'
import { refusal, startPeer } from './scripted-peer.ts'

type Answer = NonNullable<SessionAnswer['answer']>
type Stream = ServerDuplexStream<SessionRequest, SessionResponse>

interface Taken {
  stream: number
  call: NonNullable<SessionCall['call']>
}

/** What to answer a call with; undefined: as usual. */
type Script = (taken: Taken, sessions: ScriptedSessions) => Answer | 'cut' | 'nothing' | undefined

/** The server's end of sessions: answers as a lock service that everything is free at, unless the script says. */
export class ScriptedSessions {
  readonly messages: SessionRequest[] = []
  readonly taken: Taken[] = []
  readonly streams: Stream[] = []
  readonly beats: string[] = []
  #token = 0n

  readonly #answerTo: Script

  /** The messages without those that only ask whether the server is there, after a second on a machine that is busy. */
  get asked(): SessionRequest[] {
    return this.messages.filter(({ calls }) => calls.some(({ call }) => call?.$case !== 'keepAlive'))
  }

  constructor(answerTo: Script) {
    this.#answerTo = answerTo
  }

  readonly session = (stream: Stream, ends = true): void => {
    const number = this.streams.push(stream)
    stream.on('data', (request: SessionRequest) => {
      this.messages.push(request)
      const answers: SessionAnswer[] = []
      for (const { callId, call } of request.calls) {
        const taken = { stream: number, call: call! }
        this.taken.push(taken)
        const answer = this.#answerTo(taken, this) ?? this.usual(call!)
        if (answer === 'cut') return void stream.emit('error', refusal('UNAVAILABLE', 'cut'))
        if (answer !== 'nothing') answers.push({ callId, answer })
      }
      if (answers.length > 0) stream.write({ answers })
    })
    if (ends) stream.on('end', () => stream.end())
  }

  readonly keepAlive = (
    stream: ServerDuplexStream<KeepAliveRequest, KeepAliveResponse>,
    ends = true,
  ): void => {
    stream.on('data', ({ beats }: KeepAliveRequest) => {
      this.beats.push(...beats.map(({ lease }) => lease))
      const ttl = { seconds: 30n, nanos: 0 }
      stream.write({ results: beats.map(({ lease }) => ({ lease, ttl, error: undefined })) })
    })
    if (ends) stream.on('end', () => stream.end())
  }

  usual(call: NonNullable<SessionCall['call']>): Answer {
    switch (call.$case) {
      case 'createLease':
        return { $case: 'createLease', value: { lease: undefined, locks: [], ledgerEpoch: 1n } }
      case 'acquireLock': {
        const fencingToken = ++this.#token
        return { $case: 'granted', value: { ...grantOf(`locks/${fencingToken}`), fencingToken } }
      }
      case 'keepAlive':
        return { $case: 'keepAlive', value: { results: [] } }
      case 'revokeLease':
        return { $case: 'revokeLease', value: { revision: this.#token } }
      case 'releaseLock':
        return { $case: 'releaseLock', value: { revision: this.#token } }
    }
  }
}

export async function connected(answerTo: Script = () => undefined, options: ConnectOptions = {}) {
  const sessions = new ScriptedSessions(answerTo)
  const peer = await startPeer({
    session: (stream) => sessions.session(stream),
    keepAlive: (stream) => sessions.keepAlive(stream),
  })
  const holdfast = Holdfast.lazy({ address: peer.address, timeoutMs: 20_000, ...options })
  onTestFinished(() => holdfast.close())
  return { sessions, holdfast }
}

export const grantOf = (name: string): LockGrant => ({
  name,
  fencingToken: 1n,
  ledgerEpoch: 1n,
  heldFor: undefined,
})

export function failed(code: keyof typeof status, reason: string): Answer {
  const value = Buffer.from(ErrorInfo.encode({ reason, domain: 'holdfast.dev', metadata: {} }).finish())
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value }]
  return { $case: 'error', value: { code: status[code], message: reason, details } }
}

export function of<Case extends Taken['call']['$case']>(sessions: ScriptedSessions, $case: Case) {
  return sessions.taken.filter(
    (taken): taken is Taken & { call: Extract<Taken['call'], { $case: Case }> } => taken.call.$case === $case,
  )
}
