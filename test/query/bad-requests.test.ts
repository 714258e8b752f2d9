import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BadRequest } from '../../proto/gen/google/rpc/error_details.ts'
import { Status } from '../../proto/gen/google/rpc/status.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { report, started } from '../watch/reports.ts'
import { callsOf } from './calls.ts'

let server: TestServer
let calls: ReturnType<typeof callsOf>
beforeAll(async () => {
  server = await testServer()
  calls = callsOf(server)
  await report(
    server,
    ['a', 'b', 'c'].map((machine) => started(machine, 'airship')),
  )
})
afterAll(() => server[Symbol.asyncDispose]())

interface Refusal {
  code: number
  reason: string
  metadata: Record<string, string>
  message: string
  fields: string[]
}

async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (caught) => caught,
  )
  if (error === undefined) throw new Error('the call was not refused')
  const { reason, metadata } = errorInfoOf(error)
  const details = Status.decode(error.metadata.get('grpc-status-details-bin')[0]).details
  const badRequest = details.find(({ typeUrl }) => typeUrl.endsWith('BadRequest'))
  const fields = badRequest === undefined ? [] : BadRequest.decode(badRequest.value).fieldViolations
  return {
    code: error.code,
    reason,
    metadata,
    message: error.details,
    fields: fields.map(({ field }) => field),
  }
}

test.each(['listMachines', 'listInstances', 'listVersions', 'listTimeline'] as const)(
  'an unknown field in a filter of %s is refused by position',
  async (list) => {
    const refusal = await refusalOf(calls[list]({ filter: 'machine = a AND colour = red' }))
    expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'FILTER_INVALID' })
    const position = list === 'listMachines' ? '1' : '17'
    expect(refusal.metadata).toMatchObject({
      position,
      token: list === 'listMachines' ? 'machine' : 'colour',
    })
  },
)

test('a filter that is too long or too deep is refused', async () => {
  for (const filter of ['('.repeat(2000), `name = "${'x'.repeat(5000)}"`, `${'NOT '.repeat(500)}name = a`]) {
    expect(await refusalOf(calls.listMachines({ filter }))).toMatchObject({ reason: 'FILTER_INVALID' })
  }
})

test('a page token of another query is refused, and so is garbage', async () => {
  const { nextPageToken } = await calls.listMachines({ pageSize: 1, filter: 'name != c' })
  expect(nextPageToken).not.toBe('')
  const wrong = [
    calls.listMachines({ pageSize: 1, filter: 'name != b', pageToken: nextPageToken }),
    calls.listMachines({ pageSize: 1, filter: 'name != c', orderBy: 'name desc', pageToken: nextPageToken }),
    calls.listInstances({ filter: 'name != c', pageToken: nextPageToken }),
    calls.listTimeline({ pageToken: nextPageToken }),
    calls.listSources({ pageToken: nextPageToken }),
    calls.listMachines({ pageToken: 'garbage' }),
    calls.listMachines({ pageToken: 'A'.repeat(100_000) }),
  ]
  for (const refusal of await Promise.all(wrong.map(refusalOf))) {
    expect(refusal).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: 'PAGE_TOKEN_INVALID',
    })
  }
  // The size of a page may change from one to the next.
  const next = await calls.listMachines({ pageSize: 2, filter: 'name != c', pageToken: nextPageToken })
  expect(next.machines.map(({ name }) => name)).toEqual(['machines/b'])
})

test('a time or revision in the future is refused', async () => {
  const readTime = { seconds: BigInt(Math.floor(Date.now() / 1000)) + 3600n, nanos: 0 }
  const refused = [
    calls.getMachine({ name: 'machines/a', readTime }),
    calls.listMachines({ readTime }),
    calls.listVersions({ readTime }),
    calls.listTimeline({ readTime }),
    calls.listMachines({ revision: 1_000_000n }),
    calls.listTimeline({ revision: 1_000_000n }),
    calls.getInstance({ name: 'instances/a~airship', revision: (1n << 64n) - 1n }),
  ]
  for (const refusal of await Promise.all(refused.map(refusalOf))) {
    expect(refusal).toMatchObject({ code: status.OUT_OF_RANGE, reason: 'REVISION_AHEAD' })
  }
})

test.each([
  ['with slashes', 'machines/a/b'],
  ['without its collection', 'a'],
  ['of another collection', 'services/a'],
  ['with a control character', 'machines/a\u0007'],
  ['with a zero byte', 'machines/a\0'],
  ['of 10 kB', `machines/${'a'.repeat(10_000)}`],
  ['that is empty', ''],
])('a name %s is refused with the field and the rule', async (_, name) => {
  const refused = [
    calls.getMachine({ name }),
    calls.getInstance({ name }),
    calls.getService({ name: `${name}/x` }),
  ]
  for (const refusal of await Promise.all(refused.map(refusalOf))) {
    expect(refusal).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: 'INVALID_REQUEST',
      fields: ['name'],
    })
    expect(refusal.message.length).toBeLessThan(500)
  }
})

test('everything that is wrong is told at once', async () => {
  const refusal = await refusalOf(
    calls.listMachines({
      pageSize: -1,
      orderBy: 'labels',
      revision: 1n,
      readTime: { seconds: 1n, nanos: 0 },
    }),
  )
  expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'INVALID_REQUEST' })
  expect(refusal.fields.sort()).toEqual(['order_by', 'page_size', 'read_time'])
})

test('an order that nothing serves is refused, unless the filter names one machine or service', async () => {
  for (const orderBy of ['state', 'running_version desc', 'update_time']) {
    const refusal = await refusalOf(calls.listInstances({ orderBy, filter: 'environment = production' }))
    expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ['order_by'] })
    expect(refusal.message).toContain('name one machine or service in the filter, or order by name, ')
    for (const filter of ['machine = web-0', 'service = airship AND state = RUNNING']) {
      await calls.listInstances({ orderBy, filter })
    }
  }
  for (const orderBy of ['name desc', 'service', 'environment', 'create_time desc', 'update_time desc']) {
    await calls.listInstances({ orderBy })
  }
})

test('times outside of the calendar are refused', async () => {
  for (const time of [
    { seconds: 1n << 62n, nanos: 0 },
    { seconds: -(1n << 62n), nanos: 0 },
  ]) {
    expect(await refusalOf(calls.listMachines({ readTime: time }))).toMatchObject({ fields: ['read_time'] })
    expect(await refusalOf(calls.listTimeline({ startTime: time, endTime: time }))).toMatchObject({
      fields: ['start_time', 'end_time'],
    })
  }
})

test('what there is not is NOT_FOUND by its name', async () => {
  expect(await refusalOf(calls.getService({ name: 'services/none' }))).toMatchObject({
    code: status.NOT_FOUND,
    reason: 'NOT_FOUND',
    metadata: { resource: 'services/none' },
  })
})

test('what is not there is told with what to do next, and when it was looked for', async () => {
  const name = 'machines/nowhere'
  const now = await refusalOf(calls.getMachine({ name }))
  expect(now).toMatchObject({ reason: 'NOT_FOUND', metadata: { resource: name } })
  expect(now.message).toBe('there is no machines/nowhere; list the machines to see their names')
  const then = await refusalOf(calls.getMachine({ name, revision: 1n }))
  expect(then.message).toContain('there is no machines/nowhere at revision 1; list')
})
