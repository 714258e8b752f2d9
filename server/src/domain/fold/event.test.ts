import { expect, test } from 'vitest'
import { Hold_State } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { TimelineEntry_Effect } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import { hold } from '../../../../test/harness/lock-commands.ts'
import { MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import { at, batch, note, report } from '../../../../test/harness/reports.ts'
import { timestampFromInstant } from '../instant.ts'
import { decodeBody } from '../kind.ts'
import { RevokeCondition } from '../locks/conditions.ts'

const { CHANGED, NONE, SUPERSEDED } = TimelineEntry_Effect

test('a condition is true once recorded; told again, it stays as it was first told', () => {
  const satisfied = (reason: string, seconds: number) =>
    report('conditionSatisfied', { condition: 'migration:airship/20110502', reason }, { at: seconds })
  const ledger = new MemoryLedger()
  ledger.do(batch([satisfied('first', 1), satisfied('second', 2)]))
  expect(ledger.get('condition', 'conditions/migration:airship/20110502')).toMatchObject({
    reason: 'first',
    satisfyTime: timestampFromInstant(noon(1)),
    satisfiedBy: 'test',
    revision: 1n,
  })
  expect(ledger.events.map(({ effect }) => effect)).toEqual([CHANGED, NONE])
})

test('a condition that was revoked stays so when word comes late that it was true before; a hold for it stands', () => {
  const satisfied = (seconds: number) =>
    batch([report('conditionSatisfied', { condition: 'tests:airship', reason: '' }, { at: seconds })])
  const ledger = new MemoryLedger()
  ledger.do(satisfied(1))
  ledger.do(new RevokeCondition({ condition: 'tests:airship', reason: 'flaky', principal: 'ann' }))
  const { hold: placed } = ledger.do(hold('airship', { untilCondition: 'tests:airship' }))
  ledger.do(satisfied(3599))
  expect(ledger.get('condition', 'conditions/tests:airship').revokedBy).toBe('ann')
  expect(ledger.get('hold', placed.name).state).toBe(Hold_State.STANDING)
  ledger.now = noon(3700)
  ledger.do(satisfied(3601))
  expect(ledger.get('condition', 'conditions/tests:airship').revokeTime).toBeUndefined()
  expect(ledger.get('hold', placed.name).state).toBe(Hold_State.LIFTED)
  const told = ledger.events.filter(({ type }) => type === ledger.events[0]!.type)
  expect(told.map(({ effect }) => effect)).toEqual([CHANGED, SUPERSEDED, CHANGED])
})

test('a note changes nothing', () => {
  const ledger = new MemoryLedger()
  ledger.do(batch([note('hello')]))
  expect(ledger.head).toBe(0n)
  expect(ledger.events).toMatchObject([{ effect: NONE, revision: null }])
})

test('a note makes the machine and the service that it is the first to mention', () => {
  const ledger = new MemoryLedger()
  const about = { text: 'x', machine: at('web-0'), service: 'airship', environment: 'staging' }
  ledger.do(batch([report('noteRecorded', about), report('noteRecorded', about)]))
  expect(ledger.head).toBe(1n)
  expect(ledger.all('machine')[0]).toMatchObject({ name: 'machines/web-0', observedTime: undefined })
  expect(ledger.events).toMatchObject([
    { effect: CHANGED, revision: 1n, environment: 'staging' },
    { effect: NONE, revision: null, environment: 'staging' },
  ])
})

test('each event has a revision of its own, and each after-image is the resource at its revision', () => {
  const ledger = new MemoryLedger()
  const events = Array.from({ length: 5 }, (_, i) =>
    report('instanceStarted', { machine: at(`web-${i % 2}`), service: 'airship' }, { at: i }),
  )
  ledger.do(batch(events))
  expect(ledger.head).toBe(5n)
  const revisions = [...new Set(ledger.changes.map(({ revision }) => revision))]
  expect(revisions).toEqual([1n, 2n, 3n, 4n, 5n])
  for (const kind of ['machine', 'service', 'instance'] as const) {
    const images = ledger.changes.filter((change) => change.kind === kind)
    for (const resource of ledger.all(kind)) {
      const last = images
        .map(({ body, revision }) => ({ image: decodeBody(kind, body), revision }))
        .findLast(({ image }) => image.name === resource.name)!
      expect(last.image).toEqual(resource)
      expect(resource.revision).toBe(last.revision)
      expect(resource.etag).toBe(last.revision.toString(36))
    }
  }
})
