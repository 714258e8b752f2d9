import type { RunTarget_Outcome } from '../../../proto/gen/holdfast/v1/run.ts'
import type { Instant } from './instant.ts'
import type { KindName, LedgerMessage } from './kind.ts'
import type { Sequence } from './sequence.ts'

/** A resource's current row: what is loaded, and what becomes of it in this batch. */
export interface Row<K extends KindName> {
  id: bigint
  kind: K
  createRevision: bigint
  /** The revision of the last change. */
  revision: bigint
  resource: LedgerMessage[K]
  body: Buffer
  /** Last seen. Moves forward only, and without a revision. */
  observedAt: Instant
}

/** An after-image: one resource at one revision. */
export interface ChangeRecord {
  revision: bigint
  ordinal: number
  kind: KindName
  /** The resource's name. */
  name: string
  resourceId: bigint
  body: Buffer
  /** The resource before this revision; undefined for a new one. */
  before: Buffer | undefined
  /** Known when it is committed; until then the time at which it was decided. */
  committedAt: Instant
}

/** A machine that a run is about, and what became of it. Kept beside the run, without history. */
export interface TargetRow {
  runId: bigint
  /** The id of the machine. */
  machine: string
  outcome: RunTarget_Outcome
  message: string
  reportedAt: Instant
  startedAt: Instant
}

/** An event to be stored. */
export interface EventRecord {
  occurredAt: Instant
  sourceId: bigint
  id: string
  epoch: number
  seq: number
  type: number
  effect: number
  machineId: bigint | null
  serviceId: bigint | null
  environment: string | null
  principal: string
  /** Who did it, where its tool said another than the principal. */
  author?: string | undefined
  revision: bigint | null
  body: Uint8Array
  /** The machines of an event about several. */
  targets: bigint[]
}

export interface SourceRow {
  id: bigint
  name: string
  isNew: boolean
  epochs: Map<number, Sequence>
  /** Epochs whose sequence changed. */
  touched: Set<number>
}

/** Where the ledger stands when a batch begins, under its lock. */
export interface LedgerPosition {
  epoch: bigint
  head: bigint
  nextId: bigint
}
