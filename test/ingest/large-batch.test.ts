import { expect, test } from 'vitest'
import { DeploymentRecorded_Status } from '../../proto/gen/holdfast/v1/event.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { at, report } from '../harness/reports.ts'
import { testServer } from '../harness/server.ts'
import { callsOf } from '../query/calls.ts'
import { IngestCall, ingest, noted, now, startedAs } from './ingest-call.ts'

failOnLeaks()

const machines = Array.from({ length: 1000 }, (_, i) => at(`web-${i}`))

/** Deployments of versions 1 to `count`, each to 1,000 machines. */
const deployments = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    report(
      'deploymentRecorded',
      { service: 'airship', version: `${i + 1}`, machines, status: DeploymentRecorded_Status.SUCCEEDED },
      { at: now(), seq: i + 1 },
    ),
  )

test('a batch of many deployments lets others write before it is done, and is answered as one', async () => {
  await using server = await testServer()
  using call = new IngestCall(server)
  const bad = noted('too old', { at: 0n as never, seq: 7 })
  call.send([...deployments(6), bad], { source: 'ci' })
  call.send([noted('next', { seq: 8 })], { source: 'ci' })
  const between = await ingest(server, [startedAs('db-0', '1')], { source: 'agent/db-0' })
  await call.acked(2)
  const [large, next] = call.outcomes
  expect(large).toMatchObject({ accepted: 6, duplicates: 0, ackedSeq: 7n, gaps: [] })
  expect(large!.refused.map(({ index, seq }) => [index, seq])).toEqual([[6, 7n]])
  expect(next).toMatchObject({ accepted: 1, ackedSeq: 8n })
  expect(between.revision).toBeLessThan(large!.revision)

  const filter = 'service = airship AND deployed_version = "6"'
  let deployed = 0
  let pageToken = ''
  do {
    const page = await callsOf(server).listInstances({ filter, pageSize: 250, pageToken })
    deployed += page.instances.length
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  expect(deployed).toBe(1000)
  await call.finished()
}, 60_000)
