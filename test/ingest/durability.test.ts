import { expect, test } from 'vitest'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { Clients } from '../harness/clients.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, testDataDir } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { callsOf } from '../query/calls.ts'
import { IngestCall, ingest, startedAs } from './ingest-call.ts'

failOnLeaks()

const MACHINES = 7
const BATCH = 5

/** Sends numbered starts over one stream after another, and again what no stream acknowledged. */
class Producer {
  readonly acked: Event[] = []
  readonly #pending: Event[][] = []
  #seq = 0

  /** Everything that was ever sent. */
  get sent(): Event[] {
    return [...this.acked, ...this.#pending.flat()]
  }

  /** Keeps batches under way until so many more events are acknowledged, or the stream ends. */
  async produce(clients: Clients, events: number): Promise<void> {
    const enough = this.acked.length + events
    using call = new IngestCall(clients)
    let settled = 0
    let written = 0
    await until('acknowledgements, or the end of the stream', () => {
      for (; settled < call.ackedBatches; settled++, written--) this.acked.push(...this.#pending.shift()!)
      if (call.ended || this.acked.length >= enough) return true
      while (written < 6) {
        if (this.#pending.length === written) this.#pending.push(this.#nextBatch())
        call.send(this.#pending[written++]!)
      }
      return false
    })
  }

  #nextBatch(): Event[] {
    return Array.from({ length: BATCH }, () => {
      const seq = ++this.#seq
      return startedAs(`web-${seq % MACHINES}`, `v${seq}`, { seq })
    })
  }
}

/** The id of every event that the server has, newest first. */
async function storedIds(clients: Clients): Promise<string[]> {
  const { listTimeline } = callsOf(clients)
  const ids: string[] = []
  let pageToken = ''
  do {
    const page = await listTimeline({ pageSize: 250, pageToken })
    ids.push(...page.entries.map(({ event }) => event!.id))
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  return ids
}

const idsOf = (events: Event[]) => events.map(({ id }) => id).sort()

/** What the producer was told is there, whether or not it sends again; after it does, everything is, once. */
async function expectAllOnce(clients: Clients, producer: Producer): Promise<void> {
  const before = new Set(await storedIds(clients))
  expect(producer.acked.filter(({ id }) => !before.has(id))).toEqual([])

  const { acked } = producer
  const outcome = await ingest(clients, producer.sent)
  expect(outcome).toMatchObject({ refused: [], gaps: [], ackedSeq: BigInt(producer.sent.length) })
  expect(outcome.duplicates).toBeGreaterThanOrEqual(acked.length)
  expect((await storedIds(clients)).sort()).toEqual(idsOf(producer.sent))

  const { instances } = await callsOf(clients).listInstances({})
  const last = new Map(producer.sent.map(({ payload, seq }) => [machineOf(payload), `v${seq}`]))
  expect(new Map(instances.map((one) => [one.machine, one.runningVersion]))).toEqual(last)
}

const machineOf = (payload: Event['payload']): string =>
  payload?.$case === 'instanceStarted' ? `machines/${payload.value.machine!.id}` : ''

test('I1 acknowledged means durable through kill −9 of the server', async () => {
  await using dataDir = await testDataDir()
  const producer = new Producer()
  {
    await using server = await spawnServer({ dataDir: dataDir.path })
    await producer.produce(server, 150)
    const producing = producer.produce(server, Number.POSITIVE_INFINITY)
    await until('more to be acknowledged', () => producer.acked.length > 0)
    await server.kill('SIGKILL')
    await producing
  }
  await using server = await spawnServer({ dataDir: dataDir.path })
  await expectAllOnce(server, producer)
  await producer.produce(server, 50)
  await expectAllOnce(server, producer)
})

test('I1 acknowledged means durable through kill −9 of the database', async () => {
  await using dataDir = await testDataDir()
  await using server = await spawnServer({ dataDir: dataDir.path })
  const producer = new Producer()
  for (let kills = 0; kills < 2; kills++) {
    await producer.produce(server, 100)
    const postmaster = await dataDir.postmaster()
    const producing = producer.produce(server, Number.POSITIVE_INFINITY)
    process.kill(postmaster, 'SIGKILL')
    await producing
    const before = producer.acked.length
    await until('the database to be back', async () => {
      await producer.produce(server, 10)
      return producer.acked.length >= before + 10
    })
    expect(await dataDir.postmaster()).not.toBe(postmaster)
  }
  await expectAllOnce(server, producer)
})
