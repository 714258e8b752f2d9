import { setTimeout as delay } from 'node:timers/promises'
import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { LockServiceDefinition, type SessionResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { streamBackoff } from '../backoff.ts'
import type { Connection } from '../connection.ts'
import { ClientClosedError } from '../errors.ts'
import { Reopening } from '../reopening.ts'
import { rpc } from '../rpc.ts'
import { type FailedStatus, localStatus } from '../status.ts'
import type { StreamCall } from '../stream-call.ts'
import { CallQueue } from './call-queue.ts'
import { errorOfLockStatus } from './lock-status.ts'
import type { AttachedLease, SessionCall } from './session-call.ts'
import { nextSessionState, type SessionSignal, type SessionState } from './session-state.ts'

const sessionRpc = rpc(LockServiceDefinition, LockServiceDefinition.methods.session, errorOfLockStatus)
const answerMs = 250
/** Silence of the server after which it is asked whether it is there: when it owes no answer, and when it does. */
const silenceMs = 5000
const owedMs = 1000
/** How long that may take it, which needs no database, until it is taken to be gone. */
const pongMs = 2000
const byeMs = 1000
/** Between looks at whether the server has heard of everything, when a program is about to end. */
const heardMs = 5

/**
 * The one stream for the locks of a client. The calls of one turn of the event loop go out as one message. When
 * the stream is lost it opens another, comes back to its leases, and makes again, with the same ids, the calls
 * that were not answered: the server knows them. When the server stays silent it takes another socket.
 */
export class Session {
  readonly #parent: Connection
  readonly #changed: (lock: Lock) => void
  readonly #queue = new CallQueue()
  readonly #leases = new Set<AttachedLease>()
  readonly #reopening: Reopening
  readonly #ender = new AbortController()
  #connection: Connection | undefined
  #call: StreamCall<SessionResponse> | undefined
  #state: SessionState = 'idle'
  #running = false
  #scheduled = false
  #failure: FailedStatus | undefined
  #heardMs = 0
  /** When it was asked, by `performance.now()`; 0 when it was not since it was heard. */
  #pingedMs = 0
  #watch: NodeJS.Timeout | undefined
  #ping: NodeJS.Timeout | undefined

  /** @param changed hears of what the server tells of locks unasked. */
  constructor(parent: Connection, changed: (lock: Lock) => void) {
    this.#parent = parent
    this.#changed = changed
    this.#reopening = new Reopening(parent.tokens)
  }

  /** Calls that are not settled. */
  get unsettled(): number {
    return this.#queue.size
  }

  /** Waits until the server has said something of every call, or the stream is lost, or the time is over. */
  async heard(timeoutMs: number): Promise<void> {
    const endMs = performance.now() + timeoutMs
    while (this.#call !== undefined && this.#queue.isUnheard && performance.now() < endMs)
      await delay(heardMs)
  }

  /** Makes a call that somebody else listens to. */
  send(call: SessionCall): void {
    if (this.#state === 'ended') {
      call.listener.settled({ ok: false, status: closedStatus() })
      return
    }
    this.#queue.add(call)
    this.#watch ??= setInterval(() => this.#check(), answerMs)
    if (this.#state === 'idle') {
      this.#move('call')
      if (!this.#running) void this.#run()
    } else {
      this.#schedule()
    }
  }

  /** The error of a call that failed. */
  errorOf(status: FailedStatus): Error {
    return this.#parent.closed ? new ClientClosedError() : errorOfLockStatus(status)
  }

  /** Takes back a call that was never sent; false when it was. */
  withdraw(call: SessionCall): boolean {
    return this.#queue.withdraw(call)
  }

  /** Opens a lease, and comes back to it on every stream until it is detached. */
  attach(lease: AttachedLease): void {
    this.#leases.add(lease)
    this.send(lease.attachCall())
  }

  /** Comes back to the lease no more, and settles its calls with that. */
  detach(lease: AttachedLease, status: FailedStatus): void {
    this.#leases.delete(lease)
    this.#queue.abandon({ ok: false, status }, lease)
  }

  /** Ends the stream when nothing is said or heard through it. The next call opens another. */
  rest(): void {
    if (this.#queue.size > 0 || this.#leases.size > 0) return
    // Not half-closed: of a network that drops packets its end would not come, and the next call wait for it.
    this.#call?.cancel()
  }

  /** Sends what is queued, gives up what is unanswered, and ends the stream. Final. */
  end(): void {
    if (this.#state === 'ended') return
    this.#pump()
    this.#move('end')
    this.#ender.abort()
    clearInterval(this.#watch)
    this.#leases.clear()
    this.#queue.abandon({ ok: false, status: closedStatus() })
    this.#call?.finish()
    setTimeout(() => this.#connection?.close(), this.#call ? byeMs : 0).unref()
  }

  /** Opens one stream after the other while there is something to say or to hear. Never rejects. */
  async #run(): Promise<void> {
    this.#running = true
    while (this.#state === 'streaming') {
      try {
        await this.#recover(await this.#stream())
      } catch (error) {
        this.#fail(error)
      }
    }
    this.#running = false
    if (this.#state === 'ended') this.#connection?.close()
  }

  /** Something here or of the program's own threw, such as its logger: whoever waits or holds is told. */
  #fail(error: unknown): void {
    // The client was closed meanwhile: `end` tells all who wait.
    if (this.#state === 'ended') return
    const text = error instanceof Error ? error.message : String(error)
    this.#call?.cancel()
    this.#call = undefined
    clearInterval(this.#ping)
    this.#move('rest')
    this.#queue.rewind()
    this.#queue.abandon({ ok: false, status: localStatus('INTERNAL', text) })
    for (const lease of [...this.#leases]) lease.end({ cause: 'revoked', endReason: text })
  }

  async #stream(): Promise<FailedStatus> {
    this.#connection ??= this.#parent.another()
    const call = await this.#connection.open(sessionRpc)
    if (this.#state !== 'streaming') call.cancel()
    this.#call = call
    this.#heard()
    clearInterval(this.#ping)
    this.#ping = setInterval(() => this.#listen(call, silenceMs), silenceMs / 2)
    this.#schedule()
    for (;;) {
      const received = await call.next()
      if (received.done) {
        this.#call = undefined
        clearInterval(this.#ping)
        return received.status ?? localStatus('UNAVAILABLE', 'the server ended the session')
      }
      this.#heard()
      this.#reopening.heard()
      this.#receive(received.message)
    }
  }

  async #recover(status: FailedStatus): Promise<void> {
    if (this.#state !== 'streaming') return
    this.#failure = status
    this.#queue.rewind()
    const soonMs = this.#reopening.delayMs(status)
    if (soonMs === undefined) this.#queue.abandon({ ok: false, status })
    if (this.#queue.size === 0 && this.#leases.size === 0) {
      this.#move('rest')
      return
    }
    this.#move('drop')
    // A lease that is held is worth more tries for as long as it lives.
    const delayMs = soonMs ?? streamBackoff.maxMs
    const { logger } = this.#parent
    logger.warn({ status: status.text, delayMs }, 'the session of locks was cut off; opening it again')
    await this.#parent.rest(delayMs, this.#ender.signal)
    this.#move('retry')
    for (const lease of this.#leases) if (!this.#queue.isOpening(lease)) this.#queue.add(lease.attachCall())
  }

  #receive({ answers }: SessionResponse): void {
    for (const { callId, answer } of answers) {
      if (answer === undefined) continue
      if (answer.$case === 'lockChanged') {
        this.#changed(answer.value)
        continue
      }
      const call = this.#queue.find(Number(callId))
      if (call === undefined) continue
      if (answer.$case === 'createLease' && call.lease) this.#queue.opened(call.lease)
      const taken = call.take(answer)
      if (taken === 'deferred') {
        this.#queue.defer(call, performance.now() + (call.deferred?.details.retryAfterMs ?? answerMs))
      } else if (taken) {
        this.#queue.settle(call)
      }
    }
    // There may be room for what had to wait.
    this.#schedule()
  }

  #heard(): void {
    this.#heardMs = performance.now()
    this.#pingedMs = 0
  }

  /** Sends after the current turn of the event loop, so that what is asked in one go goes out as one message. */
  #schedule(): void {
    if (this.#scheduled || this.#call === undefined) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    const call = this.#call
    if (call === undefined) return
    for (let message = this.#queue.take(); message; message = this.#queue.take()) call.write(message)
  }

  /** Gives up on calls whose time is over, and makes deferred ones again. */
  #check(): void {
    const now = performance.now()
    if (this.#queue.resume(now)) this.#schedule()
    if (this.#call !== undefined && this.#queue.isOwed) this.#listen(this.#call, owedMs)
    for (const call of this.#queue.overdue(now)) {
      const status = call.deferred ?? this.#lateness()
      // What was sent under a lease may have been done, and is made again until it is answered or the lease over.
      call.deadlineMs = Number.POSITIVE_INFINITY
      if (call.id === 0 || call.lease === undefined) this.#queue.drop(call)
      call.listener.settled({ ok: false, status, late: true })
    }
    if (this.#queue.size > 0) return
    clearInterval(this.#watch)
    this.#watch = undefined
  }

  #lateness(): FailedStatus {
    const { address } = this.#parent
    return this.#call === undefined && this.#failure
      ? localStatus('UNAVAILABLE', `lock session with ${address}: ${this.#failure.text}`)
      : localStatus('DEADLINE_EXCEEDED', `lock session: ${address} did not answer in time`)
  }

  /** Asks whether the server is there after it said nothing for long; when it does not answer, takes another socket. */
  #listen(call: StreamCall<SessionResponse>, forMs: number): void {
    const now = performance.now()
    if (now - this.#heardMs < forMs) return
    if (this.#pingedMs === 0) {
      this.#pingedMs = now
      const calls = [{ callId: pingId, call: { $case: 'keepAlive' as const, value: { beats: [] } } }]
      call.write(sessionRpc.encode({ calls }))
    } else if (now - this.#pingedMs >= pongMs) {
      // After a long stop of this process timers are early: what waits in the socket is read first.
      setImmediate(() => {
        if (this.#call === call && this.#pingedMs > 0) this.#leave(call, Math.round(now - this.#heardMs))
      })
    }
  }

  #leave(call: StreamCall<SessionResponse>, silentMs: number): void {
    call.cancel(localStatus('UNAVAILABLE', `the server said nothing for ${silentMs} ms`))
    this.#connection?.close()
    this.#connection = undefined
  }

  #move(signal: SessionSignal): void {
    this.#state = nextSessionState(this.#state, signal)
  }
}

/** No call has it; its answer only shows that the server is there. */
const pingId = 1n << 63n

function closedStatus(): FailedStatus {
  return localStatus('CANCELLED', 'the client was closed')
}
