import { event, type IngestStream, type OutgoingEvent } from '@holdfast/sdk'

export const machines = 1_000
export const instances = 10_000

/** Sends events as fast as they are taken; gives acknowledged events a second. */
export async function send(
  stream: IngestStream,
  count: number,
  make: (index: number) => OutgoingEvent,
): Promise<number> {
  const begin = performance.now()
  for (let index = 0; index < count; index++) await stream.send(make(index))
  await stream.flush()
  return count / ((performance.now() - begin) / 1000)
}

const words = 'a note about a machine, '.repeat(9)

/** Changes no state. About 300 B encoded. */
export function note(index: number): OutgoingEvent {
  return event.note(words, { machine: `worker-${index % machines}` })
}

/** The first start of an instance. */
export function firstStart(instance: number): OutgoingEvent {
  return event.started(serviceOf(instance), { machine: machineOf(instance), version: '1' })
}

/** Instance after instance, stopped in one round and started in the next: each event changes state. */
export function startsAndStops(): () => OutgoingEvent {
  let turn = 0
  return () => {
    const instance = turn % instances
    const round = Math.floor(turn++ / instances)
    const options = { machine: machineOf(instance) }
    return round % 2 === 0
      ? event.stopped(serviceOf(instance), options)
      : event.started(serviceOf(instance), options)
  }
}

const machineOf = (instance: number) => `worker-${instance % machines}`
const serviceOf = (instance: number) => `service-${Math.floor(instance / machines)}`
