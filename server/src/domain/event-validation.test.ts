import { describe, expect, test } from 'vitest'
import type { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { at, type Fields, note, report, sent, started } from '../../../test/harness/reports.ts'
import { batchViolations, eventViolations } from './event-validation.ts'

const fields = (event: Event): string[] => eventViolations(sent(event)).map(({ field }) => field)

const place = { machine: at('web-0'), service: 'airship' }
const long = 'x'.repeat(10_000)
const deployment: Fields<'deploymentRecorded'> = {
  service: 'airship',
  version: '1',
  machines: [at('web-0')],
  status: 2,
}

/** `{ a: { a: … } }`, this many objects deep. */
const nested = (depth: number): Record<string, unknown> => (depth === 1 ? {} : { a: nested(depth - 1) })

test('one of each type, filled in, is valid', () => {
  const events = [
    report('machineObserved', {
      machine: at('', { MACHINE_ID: 'abc', HOSTNAME: 'web 0' }),
      facets: [{ facet: 'os', attributes: nested(32) as never, complete: true }],
      labels: { 'deployment.environment.name': 'production' },
    }),
    report('processesObserved', { machine: at('web-0'), processes: [{ pid: 1n }], complete: true }),
    report('instanceStarted', {
      ...place,
      slot: 'blue',
      version: '1.0 (beta)',
      process: { commandArgs: ['-v'] },
    }),
    report('instanceStopped', { ...place, exitCode: -1, reason: 'line one\nline two\ttabbed' }),
    report('instanceHeartbeat', { ...place }),
    report('deploymentRecorded', deployment),
    report('conditionSatisfied', { condition: 'migration:airship/20110502' }),
    report('noteRecorded', { text: 'größer\nkleiner', machine: at('web-0'), environment: 'staging' }),
  ]
  for (const event of events) expect(eventViolations(sent(event)), event.payload?.$case).toEqual([])
})

test('a start of a process at a time that no reader can write is refused', () => {
  const creationTime = { seconds: 8_640_000_000_001n, nanos: 0 }
  expect(fields(report('instanceStarted', { ...place, process: { creationTime } }))).toEqual([
    'instance_started.process.creation_time',
  ])
})

test('everything that is wrong is told at once, with the path of each field', () => {
  const event = report(
    'instanceStarted',
    { machine: at(''), service: 'a/b', version: '\u0000', environment: '-', labels: { 'a b': 'x' } },
    { id: 'nope' },
  )
  expect(fields(event)).toEqual([
    'id',
    'instance_started.machine.id',
    'instance_started.service',
    'instance_started.version',
    'instance_started.environment',
    'instance_started.labels["a b"]',
  ])
})

describe('the envelope', () => {
  test.each([
    '',
    'x',
    long,
    '00000000-0000-0000-0000-00000000000g',
    '{00000000-0000-4000-8000-000000000000}',
  ])('an id like %.20s is refused', (id) => {
    const [violation] = eventViolations(sent(note('x', { id })))
    expect(violation!.field).toBe('id')
    expect(violation!.description.length).toBeLessThan(200)
  })

  test('a seq beyond what JavaScript counts to is refused', () => {
    expect(fields(note('x', { seq: 2n ** 53n }))).toEqual(['seq'])
    expect(fields(note('x', { seq: 2n ** 53n - 1n }))).toEqual([])
  })

  test.each([
    undefined,
    { seconds: 2n ** 62n, nanos: 0 },
    { seconds: -(2n ** 62n), nanos: 0 },
    { seconds: 1n, nanos: -1 },
    { seconds: 1n, nanos: 1_000_000_000 },
  ])('a time of %o is refused', (occurredTime) => {
    expect(fields({ ...note('x'), occurredTime })).toEqual(['occurred_time'])
  })

  test('an event without a type, or of the server only, is refused', () => {
    expect(fields({ ...note('x'), payload: undefined })).toEqual(['payload'])
    expect(fields(report('resourceAmended', { resource: 'machines/web-0' }))).toEqual(['resource_amended'])
  })
})

describe('names', () => {
  test.each(['', 'a/b', '../etc', '.hidden', 'a b', 'a\nb', 'a\u0000b', 'é', 'a~b', 'x'.repeat(129), long])(
    'a machine or service called %j is refused, in few words',
    (name) => {
      for (const event of [started(name, 'airship'), started('web-0', name)]) {
        const [violation] = eventViolations(sent(event))
        expect(violation?.field).toMatch(/^instance_started\.(machine\.id|service)$/)
        expect(violation!.description.length).toBeLessThan(300)
      }
    },
  )

  test.each(['a', 'web-0', 'i-0abc', 'A.b_c@d+e-f', '20110502', 'x'.repeat(128)])('%j is a name', (name) => {
    expect(fields(started(name, name))).toEqual([])
  })

  test.each(['', 'Hardware', 'a.b', 'a/b', 'x'.repeat(64)])('a facet called %j is refused', (facet) => {
    const event = report('machineObserved', { machine: at('web-0'), facets: [{ facet }] })
    expect(fields(event)).toEqual(['machine_observed.facets[0].facet'])
  })

  test.each(['', 'a b', 'a\tb', 'x'.repeat(257), long])('a condition called %j is refused', (condition) => {
    expect(fields(report('conditionSatisfied', { condition }))).toEqual(['condition_satisfied.condition'])
  })

  test.each(['', 'a b', 'a\nb', 'é'.repeat(129), long])('a source called %j is refused', (source) => {
    expect(batchViolations({ source, epoch: 1n })[0]?.field).toBe('batch.source')
  })

  test('an epoch beyond what JavaScript counts to is refused', () => {
    expect(batchViolations({ source: 'test', epoch: 2n ** 53n })[1]?.field).toBe('batch.epoch')
  })
})

describe('machines', () => {
  test('a weak alias alone is no reference, a strong one is', () => {
    expect(fields(report('processesObserved', { machine: at('', { HOSTNAME: 'web-0' }) }))).toEqual([
      'processes_observed.machine.id',
    ])
    expect(fields(report('processesObserved', { machine: at('', { CERTNAME: 'web-0' }) }))).toEqual([])
  })

  test('a machine is required but for notes', () => {
    expect(fields(report('machineObserved', {}))).toEqual(['machine_observed.machine'])
    expect(fields(note('x'))).toEqual([])
  })

  test('aliases have known kinds and printable values, and are at most 32', () => {
    const aliases = [
      { kind: 0, value: 'x' },
      { kind: -1, value: 'x' },
      { kind: 15 as 3, value: 'x' },
      { kind: 100_000 as 3, value: 'x' },
      { kind: 3, value: '' },
      { kind: 3, value: 'a\u0007' },
      { kind: 3, value: long },
    ] as const
    expect(fields(report('processesObserved', { machine: { id: 'web-0', aliases: [...aliases] } }))).toEqual([
      'processes_observed.machine.aliases[0].kind',
      'processes_observed.machine.aliases[1].kind',
      'processes_observed.machine.aliases[2].kind',
      'processes_observed.machine.aliases[3].kind',
      'processes_observed.machine.aliases[4].value',
      'processes_observed.machine.aliases[5].value',
      'processes_observed.machine.aliases[6].value',
    ])
    const many = Array.from({ length: 33 }, (_, i) => ({ kind: 3 as const, value: `m${i}` }))
    expect(fields(report('processesObserved', { machine: { id: 'web-0', aliases: many } }))).toEqual([
      'processes_observed.machine.aliases',
    ])
  })
})

describe('sizes', () => {
  test('facets: at most 64, each named once; notes not nested beyond what can be read back', () => {
    const facets = Array.from({ length: 65 }, (_, i) => ({ facet: `f${i}` }))
    const observed = (value: Fields<'machineObserved'>) =>
      fields(report('machineObserved', { machine: at('web-0'), ...value }))
    expect(observed({ facets })).toEqual(['machine_observed.facets'])
    expect(observed({ facets: facets.slice(1) })).toEqual([])
    expect(observed({ facets: [{ facet: 'os' }, { facet: 'os' }] })).toEqual([
      'machine_observed.facets[1].facet',
    ])
    expect(fields(report('noteRecorded', { text: 'x', attributes: nested(33) as never }))).toEqual([
      'note_recorded.attributes',
    ])
  })

  test('labels: at most 64, keys without spaces, values of one line', () => {
    const labels = (value: Record<string, string>) =>
      fields(report('instanceStarted', { ...place, labels: value }))
    expect(labels(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, ''])))).toEqual([
      'instance_started.labels',
    ])
    expect(
      labels({ ok: 'x'.repeat(1024), long: 'x'.repeat(1025), line: 'a\nb', ['k'.repeat(129)]: '' }),
    ).toEqual([
      'instance_started.labels["long"]',
      'instance_started.labels["line"]',
      expect.stringMatching(/^instance_started\.labels\["k{61}"… \(129 long\)\]$/),
    ])
  })

  test('processes: at most 10,000, with at most 4 KiB of arguments each', () => {
    const scan = (processes: object[]) =>
      fields(report('processesObserved', { machine: at('web-0'), processes }))
    expect(scan(Array.from({ length: 10_001 }, () => ({ pid: 1n })))).toEqual([
      'processes_observed.processes',
    ])
    const process = { commandArgs: ['é'.repeat(2049)] }
    expect(fields(report('instanceStarted', { ...place, process }))).toEqual([
      'instance_started.process.command_args',
    ])
    expect(scan([{ commandArgs: ['é'.repeat(2048)] }, process])).toEqual([
      'processes_observed.processes[1].command_args',
    ])
  })

  test('a deployment names 1 to 1,000 machines, a version and how far it got', () => {
    const machines = (count: number) => Array.from({ length: count }, (_, i) => at(`web-${i}`))
    const wrong = (more: Fields<'deploymentRecorded'>) =>
      fields(report('deploymentRecorded', { ...deployment, ...more }))
    expect(wrong({ machines: [] })).toEqual(['deployment_recorded.machines'])
    expect(wrong({ machines: machines(1001) })).toEqual(['deployment_recorded.machines'])
    expect(wrong({ machines: machines(1000) })).toEqual([])
    expect(wrong({ machines: [at('web-0'), at('a b')] })).toEqual(['deployment_recorded.machines[1].id'])
    expect(wrong({ version: '', status: 0 })).toEqual([
      'deployment_recorded.version',
      'deployment_recorded.status',
    ])
    expect(wrong({ status: 77 as never })).toEqual(['deployment_recorded.status'])
    expect(wrong({ author: 'x'.repeat(257), message: 'x'.repeat(4097), deploymentId: 'a\nb' })).toEqual([
      'deployment_recorded.deployment_id',
      'deployment_recorded.author',
      'deployment_recorded.message',
    ])
  })

  test('a note has 1 byte to 64 KiB of words, and no control characters', () => {
    expect(fields(note(''))).toEqual(['note_recorded.text'])
    expect(fields(note('x'.repeat(65_536)))).toEqual([])
    expect(fields(note('x'.repeat(65_537)))).toEqual(['note_recorded.text'])
    expect(fields(note('a\u001b[31mred'))).toEqual(['note_recorded.text'])
  })
})
