import { SessionCall as SessionCallMessage } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { ChurningMap } from '../../../runtime/churning-map.ts'
import { FlatWriter } from '../../../runtime/flat-writer.ts'
import { type Asked, type AttachedLease, noSecret, type Outcome, type SessionCall } from './session-call.ts'

/** The server takes 1,000 unanswered calls. A tenth is kept for releases, which make room for acquires. */
const maxUnanswered = 1000
const maxAcquires = 900
/** A message stays well below the 4 MiB that the server takes. */
const maxMessageBytes = 256 * 1024

/**
 * The calls of a session: those to send, and those that were sent and are not answered. Written straight into
 * the bytes of the next message, all that are waiting at once.
 */
export class CallQueue {
  readonly #writer = new FlatWriter(16 * 1024)
  readonly #sent = new ChurningMap<number, SessionCall>()
  /** Everything but acquires goes first: it makes room. */
  #others: SessionCall[] = []
  #acquires: SessionCall[] = []
  #deferred: SessionCall[] = []
  #sentAcquires = 0
  #lastId = 0
  /** The leases whose opening was sent on the present stream; true when it was answered. */
  readonly #leases = new Map<AttachedLease, boolean>()

  /** Calls that are not settled. */
  get size(): number {
    return this.#sent.size + this.#others.length + this.#acquires.length + this.#deferred.length
  }

  /** Whether the server was sent a call that it has said nothing of. */
  get isOwed(): boolean {
    for (const { isQueued } of this.#sent.values()) if (!isQueued) return true
    return false
  }

  /** Whether there is a call that the server may not know of: it is not sent, or nothing was said of it. */
  get isUnheard(): boolean {
    return this.#others.length > 0 || this.#acquires.length > 0 || this.isOwed
  }

  add(call: SessionCall): void {
    if (call.asked.$case === 'acquireLock') this.#acquires.push(call)
    else this.#others.push(call)
  }

  /** The next message, as far as there is room; undefined when there is nothing to send. */
  take(): Buffer | undefined {
    const others = this.#write(this.#others, maxUnanswered)
    if (others > 0) this.#others.splice(0, others)
    const acquires = this.#write(this.#acquires, maxAcquires - this.#sentAcquires)
    if (acquires > 0) this.#acquires.splice(0, acquires)
    this.#sentAcquires += acquires
    return this.#writer.length > 0 ? this.#writer.detach(0) : undefined
  }

  /** The call of an answer. */
  find(id: number): SessionCall | undefined {
    return this.#sent.get(id)
  }

  /** The call was answered for the last time. */
  settle(call: SessionCall): void {
    if (this.#sent.delete(call.id) && call.asked.$case === 'acquireLock') this.#sentAcquires--
  }

  /** The lease is open on the present stream. */
  opened(lease: AttachedLease): void {
    this.#leases.set(lease, true)
  }

  /** The call is made again after a while. */
  defer(call: SessionCall, dueMs: number): void {
    this.settle(call)
    call.dueMs = dueMs
    this.#deferred.push(call)
  }

  /** Takes back a call that was never sent; false when it was. */
  withdraw(call: SessionCall): boolean {
    if (call.id !== 0) return false
    const calls = call.asked.$case === 'acquireLock' ? this.#acquires : this.#others
    const index = calls.indexOf(call)
    if (index >= 0) calls.splice(index, 1)
    return index >= 0
  }

  /** Puts the deferred calls whose time came back into the queue. True when there are any. */
  resume(nowMs: number): boolean {
    const due = this.#deferred.filter(({ dueMs }) => dueMs <= nowMs)
    if (due.length === 0) return false
    this.#deferred = this.#deferred.filter(({ dueMs }) => dueMs > nowMs)
    for (const call of due) this.add(call)
    return true
  }

  /** The stream is gone: what was sent on it and not answered is sent again first, in the same order. */
  rewind(): void {
    const again = [...this.#sent.values()]
    this.#sent.clear()
    this.#sentAcquires = 0
    this.#leases.clear()
    this.#acquires = [...again.filter(isAcquire), ...this.#acquires]
    this.#others = [...again.filter((call) => !isAcquire(call)), ...this.#others]
  }

  /** Whether the call that opens the lease, or comes back to it, is under way. */
  isOpening(lease: AttachedLease): boolean {
    return this.#all().some((call) => call.lease === lease && call.asked.$case === 'createLease')
  }

  /** Calls whose deadline has passed. */
  overdue(nowMs: number): SessionCall[] {
    return this.#all().filter(({ deadlineMs }) => deadlineMs <= nowMs)
  }

  /** Gives up on the call. */
  drop(call: SessionCall): void {
    this.settle(call)
    this.#acquires = this.#acquires.filter((other) => other !== call)
    this.#others = this.#others.filter((other) => other !== call)
    this.#deferred = this.#deferred.filter((other) => other !== call)
  }

  /** Settles every call alike, or every one of a lease. */
  abandon(outcome: Outcome, lease?: AttachedLease): void {
    const given = lease ? this.#all().filter((call) => call.lease === lease) : this.#all()
    for (const call of given) this.drop(call)
    for (const { listener } of given) listener.settled(outcome)
  }

  #all(): SessionCall[] {
    return [...this.#sent.values(), ...this.#others, ...this.#acquires, ...this.#deferred]
  }

  /** Writes as many calls as there is room for; gives how many. */
  #write(calls: readonly SessionCall[], room: number): number {
    const writer = this.#writer
    let written = 0
    for (const call of calls) {
      if (written >= room || this.#sent.size >= maxUnanswered || writer.length > maxMessageBytes) break
      call.id = ++this.#lastId
      call.isQueued = false
      if (call.lease !== undefined) this.#nameLease(call.asked, call.lease)
      if (startsClock(call)) call.sentNs = process.hrtime.bigint()
      writer.uint32(callsTag).fork()
      SessionCallMessage.encode({ callId: BigInt(call.id), call: call.asked }, writer).join()
      this.#sent.set(call.id, call)
      written++
    }
    return written
  }

  /**
   * The server knows the lease that was opened on this stream, and with it the secret. The name goes without saying
   * while no other one was, or is about to be.
   */
  #nameLease(asked: Asked, lease: AttachedLease): void {
    if (asked.$case === 'createLease') this.#leases.set(lease, false)
    if (asked.$case !== 'acquireLock' && asked.$case !== 'releaseLock') return
    const isKnown = this.#leases.get(lease) === true
    asked.value.lease = isKnown && this.#leases.size === 1 ? '' : lease.name
    asked.value.leaseSecret = isKnown ? noSecret : lease.secret
  }
}

/** Field 1 of SessionRequest, length-delimited. */
const callsTag = 10

/** Whether its answer says for how long, from when it was sent. */
const startsClock = ({ asked }: SessionCall): boolean =>
  asked.$case === 'createLease' || (asked.$case === 'acquireLock' && asked.value.maxHold !== undefined)

function isAcquire({ asked }: SessionCall): boolean {
  return asked.$case === 'acquireLock'
}
