import type { EventPayload, OutgoingEvent } from '@holdfast/sdk'

/** What a full spool drops, in the order in which it goes. Whatever has no class is never dropped. */
export const dropOrder = ['heartbeats', 'supersededFacts'] as const
export type DropClass = (typeof dropOrder)[number]

/**
 * What each event is to a full spool. Starts, stops, deployments and what people say are never dropped. Complete, so
 * that a new kind of event, such as an error or a piece of a log, does not come without a place in the order.
 */
const roles: Record<EventPayload['$case'], 'heartbeat' | 'fact' | 'kept'> = {
  instanceHeartbeat: 'heartbeat',
  machineHeartbeat: 'heartbeat',
  machineObserved: 'fact',
  processesObserved: 'fact',
  instanceStarted: 'kept',
  instanceStopped: 'kept',
  deploymentRecorded: 'kept',
  conditionSatisfied: 'kept',
  noteRecorded: 'kept',
  runStarted: 'kept',
  runFinished: 'kept',
  runTargetsReported: 'kept',
  resourceAmended: 'kept',
}

/** Tells the classes of events that are shown to it from the newest to the oldest. */
export class DropClasses {
  /** Sides of machines that a newer event tells completely. */
  readonly #told = new Set<string>()

  classOf({ payload }: OutgoingEvent): DropClass | undefined {
    const role = roles[payload.$case]
    if (role === 'heartbeat') return 'heartbeats'
    if (role === 'kept') return undefined
    const sides = sidesOf(payload)
    const superseded = sides.length > 0 && sides.every(({ key }) => this.#told.has(key))
    for (const { key, complete } of sides) if (complete) this.#told.add(key)
    return superseded ? 'supersededFacts' : undefined
  }
}

interface Side {
  key: string
  complete: boolean
}

/** What an observation tells of. Labels are merged by the server, so that no later event has them all. */
function sidesOf(payload: EventPayload): Side[] {
  if (payload.$case === 'processesObserved') {
    const { machine, complete } = payload.value
    return [{ key: JSON.stringify([machine, 'processes']), complete }]
  }
  if (payload.$case !== 'machineObserved') return []
  const { machine, facets, labels } = payload.value
  return [
    ...facets.map(({ facet, complete }) => ({
      key: JSON.stringify([machine, 'facet', facet]),
      // A boot or the end of an agent is something that happened, which no later one tells.
      complete: complete && facet !== 'boot',
    })),
    ...(Object.keys(labels).length > 0
      ? [{ key: JSON.stringify([machine, 'labels']), complete: false }]
      : []),
  ]
}
