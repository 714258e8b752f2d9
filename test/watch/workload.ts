import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { Clients } from '../harness/clients.ts'
import { deployed, observed, report, satisfied, started, stopped } from './reports.ts'

/**
 * The events of one writer's n-th batch: every kind of resource, made and changed, one and many at a time,
 * and some that change nothing. The same for the same numbers.
 */
export function batchOf(writer: number, n: number): Event[] {
  const machine = `web-${(n * 7 + writer) % 9}`
  const service = `service-${(n + writer) % 4}`
  const events = [started(machine, service, `v${n}`)]
  if (n % 2 === 0) events.push(stopped(machine, service))
  if (n % 3 === 0) {
    const labels = { rack: `r${n % 2}` }
    events.push(observed(machine, { 'host.memory.size': (n + 1) * 1024, 'host.name': machine }, labels))
  }
  if (n % 5 === 0) {
    events.push(
      deployed(
        service,
        `v${n}`,
        [0, 1, 2].map((i) => `web-${(n + i) % 9}`),
      ),
    )
  }
  if (n % 6 === 0) events.push(satisfied(`migration:${writer}/${n}`))
  return events
}

/** Several writers at once, each sending its batches one after another. Gives the last revision that they made. */
export async function write(
  clients: Pick<Clients, 'ingest'> | Pick<Clients, 'ingest'>[],
  { writers = 4, batches = 15, first = 0 } = {},
): Promise<bigint> {
  const servers = Array.isArray(clients) ? clients : [clients]
  const heads = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      let head = 0n
      for (let n = first; n < first + batches; n++) {
        const outcome = await report(servers[(writer + n) % servers.length]!, batchOf(writer, n))
        if (outcome.refused.length > 0) {
          throw new Error(`an event was refused: ${outcome.refused[0]!.status?.message}`)
        }
        head = outcome.revision
      }
      return head
    }),
  )
  return heads.toSorted((a, b) => (a < b ? -1 : 1)).at(-1)!
}
