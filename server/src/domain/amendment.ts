import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { TimelineEntry_Effect } from '../../../proto/gen/holdfast/v1/timeline.ts'
import { encode } from '../../../runtime/encode.ts'
import { EventType } from './event-type.ts'
import { ANY } from './locks/scope.ts'
import type { WorkingSet } from './working-set.ts'

/** The source under which changes made by calls to the API stand on the timeline. */
export const API_SOURCE = 'holdfast/api'

/** A change that a call to the API made, for the timeline. Its command asks for `API_SOURCE`, epoch 0. */
export interface AmendmentRecord {
  /** The resource's name. */
  resource: string
  /** The rpc, such as `RetireMachine`. */
  method: string
  reason: string
  principal: string
  revision: bigint
  machineId?: bigint | undefined
  serviceId?: bigint | undefined
  /** Where it stands on the timeline of an environment. */
  scope?: Scope | undefined
}

/** Puts a change made by a call to the API on the timeline. */
export function recordAmendment(state: WorkingSet, record: AmendmentRecord): void {
  const { resource, method, reason, principal, revision, machineId, serviceId, scope } = record
  const event: Event = {
    id: state.newUid(),
    seq: 0n,
    occurredTime: state.nowTimestamp,
    payload: { $case: 'resourceAmended', value: { resource, method, reason } },
  }
  const environment = scope?.environment
  state.putEvent({
    occurredAt: state.now,
    sourceId: state.source(API_SOURCE).id,
    id: event.id,
    epoch: 0,
    seq: 0,
    type: EventType.resourceAmended,
    effect: TimelineEntry_Effect.CHANGED,
    machineId: machineId ?? null,
    serviceId: serviceId ?? null,
    environment: environment === undefined || environment === ANY ? null : environment || null,
    principal,
    revision,
    body: encode(Event, event),
    targets: [],
  })
}
