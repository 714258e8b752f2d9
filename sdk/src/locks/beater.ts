import { type KeepAliveResponse, LockServiceDefinition } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type Backoff, backoffMs } from '../backoff.ts'
import type { Connection } from '../connection.ts'
import { rpc } from '../rpc.ts'
import { type FailedStatus, localStatus } from '../status.ts'
import type { StreamCall } from '../stream-call.ts'
import { LeaseClock } from './lease-clock.ts'
import { failedStatusOf } from './lock-status.ts'

/** A lease to keep alive. */
export interface BeatenLease {
  /** `leases/{id}` */
  name: string
  secret: Uint8Array
  ttlMs: number
  /** Of its {@link LeaseClock}. */
  memory: SharedArrayBuffer
}

/** What the server says of a lease that is over. */
export interface LeaseEnd {
  /** Of its error, such as LEASE_EXPIRED. */
  reason: string | undefined
  text: string
}

/** Who hears of what becomes of heartbeats. */
export interface BeaterListener {
  /** A beat was acknowledged; its clock is set. */
  beaten(lease: string): void
  /** The server says that the lease is over. */
  dead(lease: string, end: LeaseEnd): void
  /** The stream was cut off, and is opened again. */
  cut(text: string, delayMs: number): void
}

interface Pulse {
  lease: BeatenLease
  clock: LeaseClock
  next: NodeJS.Timeout | undefined
}

interface Beat {
  pulse: Pulse
  sentNs: bigint
  /** Fires when the answer is late. */
  late: NodeJS.Timeout
}

const keepAlive = rpc(LockServiceDefinition, LockServiceDefinition.methods.keepAlive)

/** Quicker than other streams: a lease has only its TTL. */
const beatBackoff: Backoff = { initialMs: 50, maxMs: 1000, factor: 2 }

/**
 * Beats leases, each at a third of its TTL, over one stream. Opens another stream when that is lost, and another
 * socket when an answer is late: a network that drops packets says nothing of it for minutes.
 */
export class Beater {
  readonly #connect: () => Connection
  readonly #listener: BeaterListener
  readonly #pulses = new Map<string, Pulse>()
  #connection: Connection | undefined
  #call: StreamCall<KeepAliveResponse> | undefined
  /** Unanswered, in the order sent, which is that of the answers. */
  #sent: Beat[] = []
  #failures = 0
  #running = false

  constructor(connect: () => Connection, listener: BeaterListener) {
    this.#connect = connect
    this.#listener = listener
  }

  /** Dials, so that the first beat finds an open stream. */
  add(lease: BeatenLease): void {
    const pulse = { lease, clock: new LeaseClock(lease.ttlMs, lease.memory), next: undefined }
    this.#pulses.set(lease.name, pulse)
    this.#beat(pulse)
    if (!this.#running) void this.#run()
  }

  /** Beats the lease no more. Without leases the stream ends. */
  remove(name: string): void {
    const pulse = this.#pulses.get(name)
    if (pulse === undefined) return
    clearTimeout(pulse.next)
    this.#pulses.delete(name)
    if (this.#pulses.size > 0) return
    // Not half-closed: of a network that drops packets its end would not come, and the next lease not be beaten.
    this.#call?.cancel()
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#pulses.size > 0) {
      const status = await this.#stream()
      if (this.#pulses.size > 0) await this.#recover(status)
    }
    this.#running = false
  }

  /** Beats through one stream until it ends. */
  async #stream(): Promise<FailedStatus> {
    this.#connection ??= this.#connect()
    const call = await this.#connection.open(keepAlive)
    this.#call = call
    for (const pulse of this.#pulses.values()) this.#beat(pulse)
    for (;;) {
      const received = await call.next()
      if (received.done) {
        this.#call = undefined
        for (const { late } of this.#sent) clearTimeout(late)
        this.#sent = []
        return received.status ?? localStatus('UNAVAILABLE', 'the server ended the stream of heartbeats')
      }
      this.#settle(received.message)
    }
  }

  async #recover(status: FailedStatus): Promise<void> {
    this.#failures++
    if (status.code === 'UNAUTHENTICATED') this.#connection?.tokens.discard()
    const shortest = Math.min(...Array.from(this.#pulses.values(), ({ lease }) => lease.ttlMs))
    const asked = Math.min(status.details.retryAfterMs ?? 0, shortest / 6)
    const delayMs = Math.max(backoffMs(beatBackoff, this.#failures, Math.random()), asked)
    this.#listener.cut(status.text, delayMs)
    this.#connection ??= this.#connect()
    await this.#connection.rest(delayMs, undefined)
  }

  #beat(pulse: Pulse): void {
    const { lease } = pulse
    clearTimeout(pulse.next)
    pulse.next = setTimeout(() => this.#beat(pulse), lease.ttlMs / 3)
    const call = this.#call
    if (call === undefined) return
    const dead = (): void => {
      if (this.#call === call && this.#sent.includes(beat)) this.#replace(call, lease)
    }
    // After a long stop of this process the timer is early: what waits in the socket is read first.
    const late = setTimeout(() => setImmediate(dead), patienceMs(lease))
    const beat: Beat = { pulse, sentNs: process.hrtime.bigint(), late }
    this.#sent.push(beat)
    call.write(keepAlive.encode({ beats: [{ lease: lease.name, secret: Buffer.from(lease.secret) }] }))
  }

  #settle({ results }: KeepAliveResponse): void {
    const beat = this.#sent.shift()
    const result = results[0]
    if (beat === undefined || result === undefined) return
    clearTimeout(beat.late)
    this.#failures = 0
    const { lease, clock } = beat.pulse
    if (result.error === undefined) {
      clock.acknowledge(beat.sentNs)
      this.#listener.beaten(lease.name)
    } else if (this.#pulses.get(lease.name) === beat.pulse) {
      this.remove(lease.name)
      const { details, text } = failedStatusOf(result.error)
      this.#listener.dead(lease.name, { reason: details.reason, text })
    }
  }

  #replace(call: StreamCall<KeepAliveResponse>, lease: BeatenLease): void {
    const text = `no answer to a heartbeat for ${patienceMs(lease)} ms`
    call.cancel(localStatus('UNAVAILABLE', text))
    this.#connection?.close()
    this.#connection = undefined
  }
}

function patienceMs({ ttlMs }: BeatenLease): number {
  return Math.max(ttlMs / 4, 1000)
}
