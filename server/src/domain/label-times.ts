import { type Instant, NEVER } from './instant.ts'
import type { UndoLog } from './undo-log.ts'

/** A label that was told of a machine: set, or removed. */
export interface ToldLabel {
  machineId: bigint
  key: string
  toldAt: Instant
}

/** When each label of machines was told last, as the commands of one batch see it; also those that were removed. */
export class LabelTimes {
  readonly #undo: UndoLog
  readonly #loaded = new Map<string, Instant>()
  readonly #told = new Map<string, ToldLabel>()

  constructor(undo: UndoLog) {
    this.#undo = undo
  }

  /** What this batch tells, the last word of each. */
  get told(): ReadonlyMap<string, ToldLabel> {
    return this.#told
  }

  /** Adds what was told before this batch. */
  load({ machineId, key, toldAt }: ToldLabel): void {
    this.#loaded.set(placeOf(machineId, key), toldAt)
  }

  /** Notes what labels a machine is told to have, and gives those of which nobody has told anything since. */
  tell(machineId: bigint, labels: Readonly<Record<string, string>>, toldAt: Instant): Record<string, string> {
    const latest = Object.entries(labels).filter(([key]) => {
      const place = placeOf(machineId, key)
      return toldAt >= (this.#told.get(place)?.toldAt ?? this.#loaded.get(place) ?? NEVER)
    })
    for (const [key] of latest)
      this.#undo.set(this.#told, placeOf(machineId, key), { machineId, key, toldAt })
    return Object.fromEntries(latest)
  }
}

const placeOf = (machineId: bigint, key: string): string => `${machineId}\n${key}`
