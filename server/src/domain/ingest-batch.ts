import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import type { MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Command } from './command.ts'
import { encode } from './encode.ts'
import { type FieldViolation, HoldfastError, refuseViolations } from './error.ts'
import { ALWAYS_STORED, EventType } from './event-type.ts'
import { eventViolations, MAX_EVENT_BYTES } from './event-validation.ts'
import { foldEvent } from './fold/event.ts'
import type { FoldOutcome } from './fold/outcome.ts'
import { addMilliseconds, DAY_MS, earlier, type Instant, instantFromTimestamp } from './instant.ts'
import type { LoadKeys } from './load-keys.ts'
import { admit, covers, emptySequence, type Gap, type Sequence } from './sequence.ts'
import type { SourceRow, WorkingSet } from './working-set.ts'

/** How far ahead of the database's clock an event may claim to have occurred. */
export const MAX_AHEAD_MS = 10 * 60_000

/** Events of one source, as they were sent. */
export interface IngestRequest {
  source: string
  epoch: number
  events: Event[]
  /** The events as they came, in the same order: what is stored of them. */
  encoded: Uint8Array[]
  principal: string
  /** Events older than this are refused: they would be dropped at once. */
  retentionDays: number
}

/** An event that will never be taken as it is. */
export interface Refusal {
  index: number
  id: string
  seq: number
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
  event: Event
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
    this.size = this.#events.reduce((sum, { body }) => sum + body.length + 200, 200)
  }

  collect(keys: LoadKeys): void {
    const { source, epoch } = this.#request
    keys.source(source, epoch)
    for (const { event, violations } of this.#events) {
      if (violations.length > 0) continue
      keys.events.push({ source, id: event.id, occurredAt: instantFromTimestamp(event.occurredTime!) })
      collectPayload(keys, event)
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
        result.refused.push({ index, id: id.slice(0, 64), seq: Number(seq), error })
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
      this.#refuseTime(instantFromTimestamp(event.occurredTime!), state.now)
    } catch (refusal) {
      // A refusal settles the seq: sending the same again would be refused again.
      if (seq !== 0 && !covered) admit(sequence, seq)
      throw refusal
    }
    const type = event.payload!.$case
    if (covered) {
      if (!ALWAYS_STORED.has(type)) return false
      throw new HoldfastError(
        'SEQ_REUSED',
        `seq ${seq} of epoch ${this.#request.epoch} was used for another event; give each event its own seq, or begin a new epoch`,
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
      const kept = outcome.kept === event ? body : encode(Event, outcome.kept)
      store(state, outcome, {
        occurredAt,
        sourceId: source.id,
        id: event.id,
        epoch: this.#request.epoch,
        seq,
        type: EventType[type],
        principal: authorOf(event) || this.#request.principal,
        revision: revision ?? null,
        body: kept,
      })
      state.storedEvents.add(key)
    }
    return true
  }

  #refuseTime(occurredAt: Instant, now: Instant): void {
    if (occurredAt > addMilliseconds(now, MAX_AHEAD_MS)) {
      throw timeError(
        'EVENT_IN_FUTURE',
        { occurredAt, now },
        (occurred, server) =>
          `occurred_time ${occurred} is more than 10 minutes ahead of the server's clock (${server}); set the clock of the source`,
      )
    }
    const { retentionDays } = this.#request
    if (occurredAt < addMilliseconds(now, -retentionDays * DAY_MS)) {
      throw timeError(
        'EVENT_TOO_OLD',
        { occurredAt, now },
        (occurred) =>
          `occurred_time ${occurred} is more than ${retentionDays} days ago, which is as long as events are kept; check the clock of the source`,
      )
    }
  }
}

function timeError(
  reason: 'EVENT_IN_FUTURE' | 'EVENT_TOO_OLD',
  { occurredAt, now }: { occurredAt: Instant; now: Instant },
  text: (occurredTime: string, serverTime: string) => string,
): HoldfastError {
  const metadata = { occurredTime: shownTime(occurredAt), serverTime: shownTime(now) }
  return new HoldfastError(reason, text(metadata.occurredTime, metadata.serverTime), { metadata })
}

function prepare(event: Event, body: Uint8Array): Prepared {
  const violations = eventViolations(event)
  if (body.length > MAX_EVENT_BYTES) {
    const description = `the event is ${body.length} bytes; at most ${MAX_EVENT_BYTES} are taken`
    violations.push({ field: 'event', description })
  }
  return { event, body, violations }
}

function store(
  state: WorkingSet,
  { effect, machine, service, environment, targets }: FoldOutcome,
  event: Omit<WorkingSet['events'][number], 'effect' | 'machineId' | 'serviceId' | 'environment' | 'targets'>,
): void {
  state.events.push({
    ...event,
    effect,
    machineId: machine?.id ?? null,
    serviceId: service?.id ?? null,
    environment: environment ?? null,
    targets: targets?.map((target) => target.id) ?? [],
  })
}

const authorOf = ({ payload }: Event): string =>
  payload?.$case === 'deploymentRecorded' ? payload.value.author : ''

function shownTime(instant: Instant): string {
  const ms = Number(instant / 1000n)
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${instant / 1_000_000n} s`
}

function collectPayload(keys: LoadKeys, { payload }: Event): void {
  const place = ({
    machine,
    service,
    slot,
  }: {
    machine: MachineRef | undefined
    service: string
    slot: string
  }) => {
    keys.machine(machine!)
    keys.services.add(service)
    keys.instance(machine!, service, slot)
  }
  switch (payload?.$case) {
    case 'machineObserved':
      keys.machine(payload.value.machine!)
      for (const { facet } of payload.value.facets) keys.facet(payload.value.machine!, facet)
      return
    case 'processesObserved':
      keys.machine(payload.value.machine!)
      return
    case 'instanceStarted':
    case 'instanceStopped':
    case 'instanceHeartbeat':
      place(payload.value)
      return
    case 'deploymentRecorded':
      for (const machine of payload.value.machines) place({ ...payload.value, machine })
      return
    case 'conditionSatisfied':
      keys.conditions.add(payload.value.condition)
      return
    case 'noteRecorded':
      if (payload.value.machine !== undefined) keys.machine(payload.value.machine)
      if (payload.value.service !== '') keys.services.add(payload.value.service)
      return
    case 'resourceAmended':
    case undefined:
  }
}
