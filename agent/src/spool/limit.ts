import type { OutgoingEvent } from '@holdfast/sdk'
import { decodeEvent, encodeEvent, event } from '@holdfast/sdk/spooled-event'
import { type DropClass, DropClasses, dropOrder } from './drop-class.ts'
import type { Segment } from './journal.ts'
import type { DroppedRecord, Spool } from './spool.ts'

/** How much a spool keeps of what may be dropped. Starts, stops and deployments are kept beyond it. */
export interface SpoolLimits {
  maxBytes: number
  maxAgeMs: number
}

const mebibyte = 1024 * 1024
const dayMs = 86_400_000
export const defaultLimits: SpoolLimits = { maxBytes: 256 * mebibyte, maxAgeMs: 30 * dayMs }

/** Where a cut ends, so that the next report does not make another one. */
const leftAfterCut = 7 / 8
/** What is over its age is looked for so often. */
const ageRoundMs = 3_600_000

/** `HOLDFAST_SPOOL_MAX_MIB` and `HOLDFAST_SPOOL_MAX_DAYS`, whole numbers; what is none of them is not heeded. */
export function limitsOf(env: NodeJS.ProcessEnv): SpoolLimits {
  const whole = (text: string | undefined) => (/^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : undefined)
  const { HOLDFAST_SPOOL_MAX_MIB: mib, HOLDFAST_SPOOL_MAX_DAYS: days } = env
  return {
    maxBytes: (whole(mib) ?? defaultLimits.maxBytes / mebibyte) * mebibyte,
    maxAgeMs: (whole(days) ?? defaultLimits.maxAgeMs / dayMs) * dayMs,
  }
}

/** Holds a spool to its limits. Looks at sizes only, until there is something to do. */
export class SpoolLimiter {
  readonly #spool: Spool
  readonly #limits: SpoolLimits
  #bytesToCutAt: number
  #ageRoundAt = 0

  constructor(spool: Spool, limits: SpoolLimits = defaultLimits) {
    this.#spool = spool
    this.#limits = limits
    this.#bytesToCutAt = limits.maxBytes
  }

  /** Drops what is beyond the limits. What went is told by a note in its place and by the spool's own record. */
  step(now = Date.now()): void {
    const { maxBytes, maxAgeMs } = this.#limits
    const spool = this.#spool
    const oldest = spool.segments()[0]
    if (oldest === undefined) return
    const tooOld = now >= this.#ageRoundAt && Number(oldest.epoch / 1000n) < now - maxAgeMs
    const { bytes } = spool
    if (bytes <= this.#bytesToCutAt && !tooOld) return
    this.#ageRoundAt = now + ageRoundMs
    const segments = spool.segments().map((segment) => spool.seal(segment))
    const excess = bytes > maxBytes ? bytes - maxBytes * leftAfterCut : 0
    const surveys = survey(spool, segments, now - maxAgeMs)
    for (const [one, going] of chosen(surveys, excess)) cut(spool, one, going, now)
    // When all that is left must stay, the next look is worth it when an eighth more has come.
    this.#bytesToCutAt = Math.max(maxBytes, spool.bytes + maxBytes * (1 - leftAfterCut))
  }
}

interface Survey {
  segment: Segment
  /** The class of each event that waits, and whether it is over its age. */
  marks: { dropClass: DropClass | undefined; old: boolean }[]
  bytes: Record<DropClass, number>
}

/** What of each segment could be dropped, oldest first. */
function survey(spool: Spool, segments: readonly Segment[], oldBefore: number): Survey[] {
  const classes = new DropClasses()
  return segments
    .toReversed()
    .map((segment) => {
      const bytes = { heartbeats: 0, supersededFacts: 0 }
      const marks = waiting(spool, segment)
        .toReversed()
        .map((encoded) => {
          const known = knownEvent(encoded)
          // What this version does not know is nothing that it may drop.
          if (known === undefined) return { dropClass: undefined, old: false }
          const dropClass = classes.classOf(known)
          if (dropClass !== undefined) bytes[dropClass] += encoded.length
          return { dropClass, old: (known.occurredAt?.getTime() ?? 0) < oldBefore }
        })
        .toReversed()
      return { segment, marks, bytes }
    })
    .toReversed()
}

function knownEvent(encoded: Buffer): OutgoingEvent | undefined {
  try {
    return decodeEvent(encoded)
  } catch {
    return undefined
  }
}

/** Which classes go from which segments: class by class, and of each the oldest first. */
function chosen(surveys: readonly Survey[], excess: number): [Survey, Set<DropClass>][] {
  const going = surveys.map((one): [Survey, Set<DropClass>] => [one, new Set()])
  let left = excess
  for (const dropClass of dropOrder) {
    for (const [{ bytes }, classes] of going) {
      if (left <= 0 || bytes[dropClass] === 0) continue
      classes.add(dropClass)
      left -= bytes[dropClass]
    }
  }
  return going.filter(
    ([{ marks }, classes]) => classes.size > 0 || marks.some(({ dropClass, old }) => old && dropClass),
  )
}

/** Puts what stays in the segment's place, with a note of what went: both are there or neither is. */
function cut(spool: Spool, { segment, marks }: Survey, going: Set<DropClass>, now: number): void {
  const dropped: DroppedRecord = { time: new Date(now).toISOString(), heartbeats: 0, supersededFacts: 0 }
  // The survey read a sealed segment, so this reads the same; what was acknowledged since is missing in front.
  const events = waiting(spool, segment)
  const since = marks.length - events.length
  if (since < 0) return
  const staying = events.filter((_, index) => {
    const { dropClass, old } = marks[index + since]!
    if (dropClass === undefined || !(old || going.has(dropClass))) return true
    dropped[dropClass]++
    return false
  })
  // Another process has been through it.
  if (staying.length === events.length) return
  if (spool.replace(segment, [...staying, encodeEvent(noteOf(spool, dropped)).bytes])) {
    spool.noteDropped(dropped)
  }
}

function waiting(spool: Spool, segment: Segment): Buffer[] {
  return spool.read(segment).events.slice(spool.acked(segment))
}

function noteOf(spool: Spool, { time, heartbeats, supersededFacts }: DroppedRecord) {
  const what = `${heartbeats} heartbeats and ${supersededFacts} superseded facts`
  return event.note(`${spool.source} was over its limits and dropped ${what}`, {
    occurredAt: new Date(time),
    attributes: {
      'holdfast.spool.source': spool.source,
      'holdfast.spool.dropped.heartbeats': heartbeats,
      'holdfast.spool.dropped.superseded_facts': supersededFacts,
    },
  })
}
