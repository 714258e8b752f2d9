import { Event } from '../../../../proto/gen/holdfast/v1/event.ts'
import type { Run } from '../../../../proto/gen/holdfast/v1/run.ts'
import { TimelineEntry_Effect } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import { encode } from '../../../../runtime/encode.ts'
import { API_SOURCE } from '../amendment.ts'
import { EventType } from '../event-type.ts'
import { idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'

type Payload = NonNullable<Event['payload']>

/** Puts what a call did to a run on the timelines of its service and of the machines it concerns. */
export function recordRunEvent(
  state: WorkingSet,
  run: Run,
  {
    payload,
    machines,
    principal,
    revision,
  }: { payload: Payload; machines: readonly Row<'machine'>[]; principal: string; revision: bigint },
): void {
  const event: Event = { id: state.newUid(), seq: 0n, occurredTime: state.nowTimestamp, payload }
  const alone = machines.length === 1 ? machines[0] : undefined
  state.putEvent({
    occurredAt: state.now,
    sourceId: state.source(API_SOURCE).id,
    id: event.id,
    epoch: 0,
    seq: 0,
    type: EventType[payload.$case],
    effect: TimelineEntry_Effect.CHANGED,
    machineId: alone?.id ?? null,
    serviceId: run.service === '' ? null : (state.find('service', run.service)?.id ?? null),
    environment: run.environment,
    principal,
    author: run.author,
    revision,
    body: encode(Event, event),
    targets: alone === undefined ? machines.map(({ id }) => id) : [],
  })
}

/** What the events of a run tell of it. */
export const toldOfRun = ({ name, kind, service, version, author }: Run) => ({
  run: name,
  kind,
  service: service === '' ? '' : idOf(service),
  version,
  author,
})
