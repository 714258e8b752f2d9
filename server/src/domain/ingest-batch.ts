import type { Command } from './command.ts'
import { type FieldViolation, HoldfastError, refuseViolations } from './error.ts'
import { ALWAYS_STORED, EventType } from './event-type.ts'
import { eventViolations, MAX_EVENT_BYTES } from './event-validation.ts'
import { refuseTime } from './event-window.ts'
import { collectEvent } from './fold/collect-event.ts'
import { foldEvent } from './fold/event.ts'
import { refuseUnreadable } from './fold/machine-observed.ts'
import { Effect, type FoldOutcome } from './fold/outcome.ts'
import { encodeEvent, type IncomingEvent, rowsOf } from './incoming-event.ts'
import { earlier, instantFromTimestamp } from './instant.ts'
import type { LoadKeys } from './load-keys.ts'
import type { EventRecord, SourceRow } from './rows.ts'
import { admit, covers, emptySequence, type Gap, type Sequence } from './sequence.ts'
import type { WorkingSet } from './working-set.ts'

/** Events of one source, as they were sent. */
export interface IngestRequest {
  source: string
  epoch: number
  events: IncomingEvent[]
  /** The events as they came, in the same order: what is stored of them. */
  encoded: Uint8Array[]
  principal: string
  /** Events older than this are refused: they would be dropped at once. */
  retentionDays: number
}

/** Of a row that an event changes, while it is worked on. A part of a batch is as much as one transaction takes. */
const ROW_BYTES = 220

/** An event that will never be taken as it is. */
export interface Refusal {
  index: number
  /** Cut at 64 bytes. */
  id: string
  seq: bigint
  error: HoldfastError
}

/** What became of a batch, and where its source stands after it. */
export interface IngestResult {
  source: string
  epoch: number
  accepted: number
  duplicates: number
  refused: Refusal[]
  ackedSeq: number
  gaps: Gap[]
  ledgerEpoch: bigint
  revision: bigint
}

interface Prepared {
  event: IncomingEvent
  body: Uint8Array
  violations: FieldViolation[]
}

/** Stores the events of a batch that are new and valid, and folds each into the state. */
export class IngestBatch implements Command<IngestResult> {
  readonly size: number
  readonly #request: IngestRequest
  readonly #events: Prepared[]

  constructor(request: IngestRequest) {
    this.#request = request
    this.#events = request.events.map((event, i) => prepare(event, request.encoded[i]!))
    this.size = this.#events.reduce(
      (sum, { event, body }) => sum + body.length + ROW_BYTES * rowsOf(event),
      200,
    )
  }

  collect(keys: LoadKeys): void {
    const { source, epoch, retentionDays } = this.#request
    keys.source(source, epoch)
    for (const { event, violations } of this.#events) {
      if (violations.length > 0) continue
      const occurredAt = instantFromTimestamp(event.occurredTime!)
      keys.events.push({ source, id: event.id, occurredAt, retentionDays })
      collectEvent(keys, event)
    }
  }

  decide(state: WorkingSet): IngestResult {
    const { source: name, epoch } = this.#request
    const source = state.source(name)
    let sequence = source.epochs.get(epoch)
    if (sequence === undefined) {
      sequence = emptySequence()
      source.epochs.set(epoch, sequence)
    }
    source.touched.add(epoch)

    const result = { accepted: 0, duplicates: 0, refused: [] as Refusal[] }
    for (const [index, prepared] of this.#events.entries()) {
      try {
        if (this.#take(state, { source, sequence, prepared })) result.accepted++
        else result.duplicates++
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        const { id, seq } = prepared.event
        result.refused.push({ index, id: cutId(id), seq, error })
      }
    }
    return {
      source: name,
      epoch,
      ...result,
      ackedSeq: sequence.highWater,
      gaps: sequence.gaps.map(([first, last]) => [first, last]),
      ledgerEpoch: state.epoch,
      revision: state.head,
    }
  }

  /** Takes one event. False when it was taken before. */
  #take(
    state: WorkingSet,
    { source, sequence, prepared }: { source: SourceRow; sequence: Sequence; prepared: Prepared },
  ): boolean {
    const { event, body, violations } = prepared
    const seq = event.seq > BigInt(Number.MAX_SAFE_INTEGER) ? 0 : Number(event.seq)
    const covered = seq !== 0 && covers(sequence, seq)
    const key = `${source.name}\n${event.id.toLowerCase()}`
    if (violations.length === 0 && state.storedEvents.has(key)) {
      if (seq !== 0 && !covered) admit(sequence, seq)
      return false
    }
    try {
      refuseViolations(violations)
      refuseTime(instantFromTimestamp(event.occurredTime!), state.now, this.#request.retentionDays)
    } catch (refusal) {
      // A refusal settles the seq: sending the same again would be refused again.
      if (seq !== 0 && !covered) admit(sequence, seq)
      throw refusal
    }
    const type = event.payload!.$case
    if (covered) {
      // What was refused for its attributes is refused again, and not taken for something that has landed.
      if (event.payload?.$case === 'machineObserved') refuseUnreadable(event.payload.value)
      if (!ALWAYS_STORED.has(type)) return false
      throw new HoldfastError(
        'SEQ_REUSED',
        `seq ${seq} of epoch ${this.#request.epoch} was settled before, by another event or by a refusal; give each event its own seq, or begin a new epoch`,
        { metadata: { seq: String(seq), epoch: String(this.#request.epoch) } },
      )
    }
    if (seq !== 0) admit(sequence, seq)

    const occurredAt = instantFromTimestamp(event.occurredTime!)
    const { value: outcome, revision } = state.revise(() =>
      foldEvent(state, event, {
        source: source.name,
        epoch: this.#request.epoch,
        seq,
        occurredAt,
        effectiveAt: earlier(occurredAt, state.now),
        principal: this.#request.principal,
      }),
    )
    if (outcome.kept !== undefined) {
      const kept = outcome.kept === event ? body : encodeEvent(outcome.kept)
      store(state, outcome, {
        occurredAt,
        sourceId: source.id,
        id: event.id,
        epoch: this.#request.epoch,
        seq,
        type: EventType[type],
        principal: this.#request.principal,
        author:
          event.payload?.$case === 'deploymentRecorded' ? event.payload.value.author || undefined : undefined,
        revision: revision ?? null,
        body: kept,
      })
      state.storedEvents.add(key)
    }
    return true
  }
}

function prepare(event: IncomingEvent, body: Uint8Array): Prepared {
  const violations = eventViolations(event)
  if (body.length > MAX_EVENT_BYTES) {
    const description = `the event is ${body.length} bytes; at most ${MAX_EVENT_BYTES} are taken`
    violations.push({ field: 'event', description })
  }
  return { event, body, violations }
}

/** What a client sent as an id may be anything: it is shown back as far as it is text. */
const cutId = (id: string): string =>
  Buffer.from(id)
    .subarray(0, 64)
    .toString()
    .replace(/\uFFFD+$/, '')

function store(
  state: WorkingSet,
  { effect, machine, service, environment, targets }: FoldOutcome,
  event: Omit<EventRecord, 'effect' | 'machineId' | 'serviceId' | 'environment' | 'targets'>,
): void {
  state.putEvent({
    ...event,
    effect: effect === Effect.NONE && event.revision !== null ? Effect.CHANGED : effect,
    machineId: machine?.id ?? null,
    serviceId: service?.id ?? null,
    environment: environment ?? null,
    targets: targets?.map((target) => target.id) ?? [],
  })
}
