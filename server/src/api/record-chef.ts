import { createHash } from 'node:crypto'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import type { MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import { LogEntry, LogEntry_Stream, Run_Kind, Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { StartRunRequest } from '../../../proto/gen/holdfast/v1/run_service.ts'
import { encode } from '../../../runtime/encode.ts'
import type { ChefConverge, ChefLiveness, ChefMessage, ChefRunStart } from '../domain/chef/chef-message.ts'
import { convergeLog, errorOf, summaryOf } from '../domain/chef/converge-log.ts'
import { EndConverge } from '../domain/chef/end-converge.ts'
import { FindNode } from '../domain/chef/find-node.ts'
import { chefEnvironment, type NodeFacet, nodeFacets } from '../domain/chef/node-facets.ts'
import { nodeIdentity } from '../domain/chef/node-identity.ts'
import { decodeEvent } from '../domain/incoming-event.ts'
import { IngestBatch } from '../domain/ingest-batch.ts'
import { DAY_MS, type Instant, timestampFromInstant } from '../domain/instant.ts'
import { idViolation, machineName, runName } from '../domain/resource-name.ts'
import { StartRun } from '../domain/runs/start-run.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LogFeed } from '../ledger/log-feed.ts'
import type { LogWriter } from '../ledger/log-writer.ts'
import { readLedger } from '../store/read-ledger.ts'
import { readLogHead } from '../store/read-log.ts'
import type { Store } from '../store/store.ts'
import type { CallContext } from './handler.ts'

export interface ChefRecorderParts {
  store: Store
  ledger: Ledger
  logWriter: LogWriter
  logFeed: LogFeed
  eventRetentionDays: number
}

/** What became of a message. */
export interface ChefAnswer {
  /** `known` when the same message of the same run came before, `ignored` when it says nothing of a machine. */
  result: 'recorded' | 'known' | 'ignored'
  /** `runs/{id}` */
  run?: string
  /** `machines/{id}` */
  machine?: string
  /** Why the node's facets were not taken, though the run was. */
  refused?: string
}

type Caller = Pick<CallContext, 'principal' | 'signal'>

const LOG_ENTRY_BYTES = 256 * 1024

/**
 * Records messages of Chef. A converge is several writes, each of which may be repeated and the last of which
 * ends the run: one that was cut off is completed when the message comes again, and after it the message is known.
 */
export class ChefRecorder {
  readonly #parts: ChefRecorderParts

  constructor(parts: ChefRecorderParts) {
    this.#parts = parts
  }

  record(message: ChefMessage, caller: Caller): Promise<ChefAnswer> {
    switch (message.type) {
      case 'run_start':
        return this.#start(message, caller)
      case 'run_converge':
        return this.#converge(message, caller)
      case 'liveness':
        return this.#liveness(message, caller)
      case 'action':
        return Promise.resolve({ result: 'ignored' })
    }
  }

  async #start(message: ChefRunStart, { principal, signal }: Caller): Promise<ChefAnswer> {
    const { ledger, store } = this.#parts
    const run = runName(message.runId)
    if ((await readLogHead(store, run)) !== undefined) return { result: 'known', run }
    const machine = await ledger.submit(new FindNode(nodeIdentity(message, {}), { make: false }), signal)
    await ledger.submit(new StartRun(runOf(message, { machine, environment: '' }), principal), signal)
    return { result: 'recorded', run, ...(machine !== undefined && { machine: machineName(machine) }) }
  }

  async #converge(message: ChefConverge, caller: Caller): Promise<ChefAnswer> {
    const { principal, signal } = caller
    const { ledger, logFeed, store } = this.#parts
    const run = runName(message.runId)
    const head = await readLogHead(store, run)
    if (head !== undefined && !head.open && head.state !== Run_State.ABANDONED)
      return { result: 'known', run }

    const node = (message.body.node ?? {}) as { automatic?: unknown }
    const ref = nodeIdentity(message, node.automatic)
    const seen = { id: message.runId, ref, facets: nodeFacets(message.body), at: message.endedAt }
    const refused = await this.#observe(seen, caller)
    const machine = (await ledger.submit(new FindNode(ref, { make: true }), signal))!
    const environment = environmentOf(message)
    if (head === undefined) {
      await ledger.submit(new StartRun(runOf(message, { machine, environment }), principal), signal)
    }
    await this.#log(run, message)
    const error = errorOf(message)
    const end = {
      ...{ name: run, machine, environment, exitCode: undefined },
      state: message.succeeded ? Run_State.SUCCEEDED : Run_State.FAILED,
      message: cut(error === '' ? summaryOf(message) : error, 4096),
      endTime: message.endedAt === undefined ? undefined : timestampFromInstant(message.endedAt),
    }
    await ledger.submit(new EndConverge(end, principal), signal)
    logFeed.publish([run])
    return { result: 'recorded', run, machine: machineName(machine), ...(refused && { refused }) }
  }

  async #liveness(message: ChefLiveness, caller: Caller): Promise<ChefAnswer> {
    const ref = nodeIdentity(message, {})
    const id = uuidOf(`${message.nodeName}\n${message.seenAt}`)
    const refused = await this.#observe({ id, ref, facets: [], at: message.seenAt }, caller)
    const machine = await this.#parts.ledger.submit(new FindNode(ref, { make: false }), caller.signal)
    return {
      result: 'recorded',
      ...(machine !== undefined && { machine: machineName(machine) }),
      ...(refused && { refused }),
    }
  }

  /** Tells of a node as an event, with what it repeats known by the event's id. Gives why it was refused. */
  async #observe(
    seen: { id: string; ref: MachineRef; facets: NodeFacet[]; at: Instant | undefined },
    { principal, signal }: Caller,
  ): Promise<string | undefined> {
    const { ledger, store, eventRetentionDays: retentionDays } = this.#parts
    const { clock } = await readLedger(store)
    const event = Event.fromPartial({
      id: seen.id,
      occurredTime: timestampFromInstant(within(seen.at, { clock, retentionDays })),
      payload: { $case: 'machineObserved', value: { machine: seen.ref, facets: seen.facets, labels: {} } },
    })
    const encoded = encode(Event, event)
    const batch = { source: `chef/${seen.ref.id}`, epoch: 0, principal, retentionDays }
    const command = new IngestBatch({ ...batch, events: [decodeEvent(encoded)], encoded: [encoded] })
    return (await ledger.submit(command, signal)).refused[0]?.error.message
  }

  async #log(run: string, message: ChefConverge): Promise<void> {
    const { output, error } = convergeLog(message)
    let offset = 0n
    for (const [text, stream] of [
      [output, LogEntry_Stream.STDOUT],
      [error, LogEntry_Stream.STDERR],
    ] as const) {
      const bytes = Buffer.from(text)
      const time = message.endedAt === undefined ? undefined : timestampFromInstant(message.endedAt)
      const entries: LogEntry[] = []
      for (let at = 0; at < bytes.length; at += LOG_ENTRY_BYTES) {
        const data = bytes.subarray(at, at + LOG_ENTRY_BYTES)
        entries.push(LogEntry.fromPartial({ offset, data, stream, time }))
        offset += BigInt(data.length)
      }
      if (entries.length > 0) await this.#parts.logWriter.append(run, entries, { late: true })
    }
  }
}

function runOf(
  { runId, nodeName, source, startedAt }: ChefRunStart | ChefConverge,
  { machine, environment }: { machine: string | undefined; environment: string },
): StartRunRequest {
  return StartRunRequest.fromPartial({
    name: runName(runId),
    kind: Run_Kind.CONVERGE,
    environment,
    author: source === 'chef_solo' ? 'chef-solo' : 'chef-client',
    title: cut(`Chef on ${nodeName}`, 256).replace(/[\n\t]/g, ' '),
    startTime: startedAt === undefined ? undefined : timestampFromInstant(startedAt),
    machines: machine === undefined ? [] : [machine],
  })
}

/** The environment of the node, where its name can be one. */
function environmentOf({ body }: ChefConverge): string {
  const name = chefEnvironment(body)
  return name !== '' && idViolation('', name) === undefined ? name : ''
}

/**
 * The time within which events are taken, by the database's clock. A message that was carried here from long ago is as
 * old as it can be, and one of a clock that is ahead is of now: neither overturns what is known better.
 */
function within(
  at: Instant | undefined,
  { clock, retentionDays }: { clock: Instant; retentionDays: number },
): Instant {
  const oldest = (clock - BigInt(Math.round((retentionDays - 0.5) * DAY_MS * 1000))) as Instant
  if (at === undefined || at > clock) return clock
  return at < oldest ? oldest : at
}

/** Printable text of at most so many bytes of UTF-8, on whole characters. */
function cut(given: string, maxBytes: number): string {
  const text = given.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    /[\n\t]/.test(character) ? character : ' ',
  )
  const bytes = Buffer.from(text)
  return bytes.length <= maxBytes
    ? text
    : bytes
        .subarray(0, maxBytes - 3)
        .toString()
        .replace(/\uFFFD+$/, '…')
}

/** The same UUID for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
