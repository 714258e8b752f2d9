import { randomUUID } from 'node:crypto'
import type { ServiceError } from '@grpc/grpc-js'
import { DeploymentRecorded_Status, type Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { BatchOutcome } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import type { Clients } from '../harness/clients.ts'

type Payload = NonNullable<Event['payload']>

/** An event of now, without a number. */
export function eventOf(payload: Payload): Event {
  const now = BigInt(Date.now())
  const occurredTime = { seconds: now / 1000n, nanos: Number(now % 1000n) * 1_000_000 }
  return { id: randomUUID(), seq: 0n, occurredTime, payload }
}

export const machineRef = (id: string) => ({ id, aliases: [] })

export const started = (machine: string, service: string, version = '1'): Event =>
  eventOf({
    $case: 'instanceStarted',
    value: {
      ...{ machine: machineRef(machine), service, version },
      ...{ slot: '', environment: '', process: undefined, labels: {} },
    },
  })

export const stopped = (machine: string, service: string): Event =>
  eventOf({
    $case: 'instanceStopped',
    value: { machine: machineRef(machine), service, slot: '', exitCode: 0, reason: '' },
  })

export const deployed = (service: string, version: string, machines: string[]): Event =>
  eventOf({
    $case: 'deploymentRecorded',
    value: {
      ...{ service, version, machines: machines.map(machineRef) },
      ...{ deploymentId: '', environment: '', slot: '', author: '', message: '' },
      status: DeploymentRecorded_Status.SUCCEEDED,
    },
  })

export const observed = (
  machine: string,
  attributes: Record<string, unknown>,
  labels: Record<string, string> = {},
): Event =>
  eventOf({
    $case: 'machineObserved',
    value: {
      machine: machineRef(machine),
      facets: [{ facet: 'hardware', attributes, complete: true }],
      labels,
    },
  })

export const satisfied = (condition: string): Event =>
  eventOf({ $case: 'conditionSatisfied', value: { condition, reason: '' } })

/** Sends a batch and gives its outcome. Rejects with the ServiceError when it was not acknowledged. */
export function report({ ingest }: Pick<Clients, 'ingest'>, events: Event[]): Promise<BatchOutcome> {
  return new Promise((resolve, reject) => {
    ingest.ingestBatch({ batch: { source: 'watch-tests', epoch: 1n, events } }, (error, answer) => {
      if (error) reject(error)
      else resolve(answer.outcome!)
    })
  })
}

/** Sends a batch until it is acknowledged, however often the server or its database go away. */
export async function reportSurely(clients: Pick<Clients, 'ingest'>, events: Event[]): Promise<BatchOutcome> {
  for (;;) {
    try {
      return await report(clients, events)
    } catch (error) {
      if ((error as ServiceError).code !== 14) throw error
    }
  }
}

/** A unary call as a promise: `called((done) => state.getMachine(request, done))`. */
export function called<Response>(
  call: (done: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)))
  })
}
