import type { Event } from '../../../proto/gen/holdfast/v1/event.ts'

export type EventCase = NonNullable<Event['payload']>['$case']

/** The number of each type of event in `event.type`: its field number in the proto. Never used again. */
export const EventType = {
  machineObserved: 10,
  processesObserved: 11,
  instanceStarted: 12,
  instanceStopped: 13,
  instanceHeartbeat: 14,
  deploymentRecorded: 15,
  conditionSatisfied: 16,
  noteRecorded: 17,
  machineHeartbeat: 18,
  runStarted: 22,
  runFinished: 23,
  runTargetsReported: 24,
  resourceAmended: 30,
} as const satisfies Record<EventCase, number>

/**
 * Types whose events are stored whenever they are accepted. Of the others only what changed the state is, so
 * that a seq without a stored event says nothing about whether it was used for something else.
 */
export const ALWAYS_STORED: ReadonlySet<EventCase> = new Set<EventCase>([
  'instanceStarted',
  'instanceStopped',
  'deploymentRecorded',
  'conditionSatisfied',
  'noteRecorded',
])
