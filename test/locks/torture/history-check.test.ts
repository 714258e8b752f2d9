import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hold, Hold_State } from '../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_Mode, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import { Run, Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { scopeText } from '../../../sdk/src/locks/scope.ts'
import { HoldfastError } from '../../../server/src/domain/error.ts'
import { EndDue } from '../../../server/src/domain/locks/end-due.ts'
import { ExpireLeases } from '../../../server/src/domain/locks/end-leases.ts'
import { LiftHold } from '../../../server/src/domain/locks/holds.ts'
import { normalScope } from '../../../server/src/domain/locks/scope.ts'
import { acquire, hold, leaseKeyOf, openLease, release } from '../../harness/lock-commands.ts'
import { MemoryLedger } from '../../harness/memory-ledger.ts'
import { type Image, imageOf, type Revision } from './history.ts'
import { type CheckedHistory, checkHistory, conflict, type Span } from './history-check.ts'
import type { Told } from './told.ts'
import { checkTold } from './told-check.ts'

const CLIENTS = 3

type Step =
  | { do: 'acquire'; client: number; scopes: string[]; shared: boolean }
  | { do: 'release'; which: number }
  | { do: 'hold'; service: string }
  | { do: 'lift' | 'expire' }

const service = fc.constantFrom('airship', 'mast', '*')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      client: fc.nat(CLIENTS - 1),
      scopes: fc.array(service, { minLength: 1, maxLength: 2 }),
      shared: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hold' as const), service }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lift' as const, 'expire' as const) }) },
)

/** What the rules make of steps: a history in which all holds. */
const history = fc.array(step, { minLength: 5, maxLength: 40 }).map((steps) => {
  const ledger = new MemoryLedger()
  const asked: { client: number; name: string }[] = []
  let clients = 0
  const leases = Array.from({ length: CLIENTS }, () => ++clients)
  for (const client of leases) openLease(ledger, client)
  for (const one of steps) {
    if (one.do === 'acquire') {
      const client = leases[one.client]!
      const scopes = one.scopes.map((service) =>
        normalScope({ environment: 'production', service, machine: '', name: '' }),
      )
      const mode = one.shared ? Lock_Mode.SHARED : Lock_Mode.EXCLUSIVE
      const [standing] = ledger.run(acquire(client, '', { scopes, mode }))
      if (standing instanceof HoldfastError) continue
      asked.push({ client, name: standing!.lock!.name })
    } else if (one.do === 'release') {
      const { client, name } = asked[one.which % asked.length] ?? {}
      const row = name === undefined ? undefined : ledger.locks.lock(name)
      if (client !== undefined && row !== undefined) ledger.do(release(client, row.resource))
    } else if (one.do === 'hold') ledger.do(hold(one.service))
    else if (one.do === 'lift') {
      const [standing] = [...ledger.locks.holds]
      if (standing) ledger.do(new LiftHold({ name: standing.resource.name, etag: '', reason: '' }, 'bob'))
    } else {
      const dead = leases.shift()!
      ledger.leases.get(leaseKeyOf(dead).id)!.expiresAt = ledger.now
      ledger.do(new ExpireLeases([leaseKeyOf(dead).id]))
      ledger.do(new EndDue())
      leases.push(++clients)
      openLease(ledger, clients)
    }
  }
  const images = ledger.changes.filter(({ kind }) => kind === 'lock' || kind === 'hold')
  const byRevision = Map.groupBy(images, ({ revision }) => revision)
  return [...byRevision].map(([revision, changes]): Revision => {
    return { revision, images: changes.map(({ kind, body }) => imageOf(kind, body)) }
  })
})

test('a history that the rules made passes', () => {
  fc.assert(fc.property(history, (made) => void checkHistory(made)))
})

/** A history with a lock to do something to. */
const lockImage = (resource: Lock): Image => ({ kind: 'lock', resource })
const atLast = (made: readonly Revision[]): bigint => made.at(-1)!.revision + 1n

function insert(made: readonly Revision[], revision: bigint, ...images: Image[]): Revision[] {
  const others = made.filter((one) => one.revision !== revision)
  const there = made.find((one) => one.revision === revision)?.images ?? []
  return [...others, { revision, images: [...there, ...images] }].sort((a, b) =>
    a.revision < b.revision ? -1 : 1,
  )
}

const mapLocks = (made: readonly Revision[], change: (lock: Lock, revision: bigint) => Lock[]): Revision[] =>
  made.map(({ revision, images }) => ({
    revision,
    images: images.flatMap((image) =>
      image.kind === 'lock' ? change(image.resource, revision).map(lockImage) : [image],
    ),
  }))

const isGrant = (lock: Lock, revision: bigint): boolean =>
  lock.state === Lock_State.HELD && lock.fencingToken === revision

/** Another request for the same, granted at a revision. */
const twin = (lock: Lock, revision: bigint): Lock => ({
  ...lock,
  ...{ name: 'locks/zzzzzzzz', requestId: 'of another', state: Lock_State.HELD },
  ...{ fencingToken: revision, mode: Lock_Mode.EXCLUSIVE },
})

interface Chosen {
  made: Revision[]
  span: Span
  checked: CheckedHistory
}

/** What goes wrong with one grant of a history, and what the check says of it. Undefined: not with this one. */
const FAULTS: Record<string, { says: RegExp; alter: (chosen: Chosen) => Revision[] | undefined }> = {
  'L1 what is held is granted to another': {
    says: /held at once/,
    alter({ made, span: { lock, from, to } }) {
      if (to === undefined) return insert(made, atLast(made), lockImage(twin(lock, atLast(made))))
      if (to === from + 1n) return undefined
      return insert(made, from + 1n, lockImage(twin(lock, from + 1n)))
    },
  },
  'L1 L3 somebody is granted before the end of the one before': {
    says: /held at once/,
    alter({ made, span, checked }) {
      const next = [...checked.spans.values()].find(
        ({ lock, from }) => from >= (span.to ?? from + 1n) && conflict(lock, span.lock),
      )
      if (next === undefined) return undefined
      return mapLocks(made, (lock) =>
        lock.name === span.lock.name && lock.state === Lock_State.ENDED ? [] : [lock],
      )
    },
  },
  'L2 a token is not the revision of its grant': {
    says: /has token/,
    alter: ({ made, span: { lock: chosen } }) =>
      mapLocks(made, (lock, revision) =>
        lock.name === chosen.name && isGrant(lock, revision)
          ? [{ ...lock, fencingToken: lock.fencingToken - 1n }]
          : [lock],
      ),
  },
  'L5 a run is written under a token whose lock has ended': {
    says: /which was not held/,
    alter({ made, span: { lock, to } }) {
      if (to === undefined) return undefined
      const { name, fencingToken } = lock
      const run = { name: 'runs/late', lock: name, fencingToken, state: Run_State.RUNNING }
      return insert(made, atLast(made), { kind: 'run', resource: Run.fromPartial(run) })
    },
  },
  'L6 who came later is granted before who still waits': {
    says: /passed/,
    alter({ made, span: { lock: chosen, from } }) {
      const waited = made.some(({ revision, images }) =>
        images.some(
          ({ kind, resource }) => kind === 'lock' && resource.name === chosen.name && revision < from,
        ),
      )
      if (!waited || chosen.mode !== Lock_Mode.EXCLUSIVE) return undefined
      const until = made.filter(({ revision }) => revision <= from)
      return mapLocks(until, (lock, revision) =>
        lock.name === chosen.name && isGrant(lock, revision) ? [twin(lock, revision)] : [lock],
      )
    },
  },
  'L8 one request has two locks': {
    says: /are of one request/,
    alter: ({ made, span: { lock } }) =>
      insert(made, atLast(made), lockImage({ ...lock, name: 'locks/zzzzzzzz', state: Lock_State.ENDED })),
  },
  'L9 what has ended is held again': {
    says: /had ended and came back/,
    alter: ({ made, span: { lock, to } }) =>
      to === undefined ? undefined : insert(made, atLast(made), lockImage(lock)),
  },
  'L10 only some of what was asked for is free': {
    says: /held at once/,
    alter({ made, span: { lock, from } }) {
      const scopes = [
        normalScope({ environment: 'other', service: '', machine: '', name: '' }),
        lock.scopes[0]!,
      ]
      return insert(made, from, lockImage({ ...twin(lock, from), scopes }))
    },
  },
  'L13 a hold stands in the way': {
    says: /was granted through/,
    alter({ made, span: { lock, from } }) {
      const before = made.findIndex(({ revision }) => revision === from)
      const resource = Hold.fromPartial({
        name: 'holds/zz',
        state: Hold_State.STANDING,
        scope: lock.scopes[0]!,
      })
      const images: Image[] = [{ kind: 'hold', resource }, ...made[before]!.images]
      return made.with(before, { revision: from, images })
    },
  },
}

for (const [what, { says, alter }] of Object.entries(FAULTS)) {
  test(`the check finds it when ${what}`, () => {
    let altered = 0
    fc.assert(
      fc.property(history, fc.nat(), (made, which) => {
        const checked = checkHistory(made)
        const spans = [...checked.spans.values()]
        fc.pre(spans.length > 0)
        const bad = alter({ made, span: spans[which % spans.length]!, checked })
        fc.pre(bad !== undefined)
        altered++
        expect(() => checkHistory(bad!)).toThrow(says)
      }),
    )
    expect(altered).toBeGreaterThan(0)
  })
}

/** What a client that held a lock says of it, all of it true. */
function truthOf({ lock, from, to }: Span, atNs: bigint): Told[] {
  const { name, ledgerEpoch: epoch, scopes } = lock
  const grant: Told = { what: 'granted', lock: name, token: from, epoch, scopes: scopes.map(scopeText), atNs }
  const fence: Told = {
    ...{ what: 'fence', lock: name, token: from, by: 'verify', outcome: { passed: from }, atNs },
  }
  return [grant, fence, ...(to === undefined ? [] : [{ what: 'released' as const, lock: name, atNs }])]
}

const LIES: Record<string, { says: RegExp; lie: (span: Span) => Told[] | undefined }> = {
  'L1 a lock that was never granted': {
    says: /was never held/,
    lie: () => [{ what: 'held', lock: 'locks/zzzzzzzz', atNs: 0n }],
  },
  'L1 a grant under another token': {
    says: /it was not so/,
    lie: (span) => truthOf({ ...span, from: span.from + 1n }, 0n).slice(0, 1),
  },
  'L5 a token that passes after the end': {
    says: /when it was not held/,
    lie: ({ lock: { name: lock }, from: token, to }) =>
      to === undefined
        ? undefined
        : [{ what: 'fence', lock, token, by: 'write', outcome: { passed: to }, atNs: 0n }],
  },
  'L8 another lock for the same request': {
    says: /sent again/,
    lie: ({ lock: { name: lock }, from: token }) => [
      { what: 'replayed', lock, token, again: 'locks/zzzzzzzz', againToken: token, atNs: 0n },
    ],
  },
  'L9 a release that released nothing': {
    says: /is held on/,
    lie: ({ lock: { name: lock }, to }) => (to ? undefined : [{ what: 'released', lock, atNs: 0n }]),
  },
}

for (const [what, { says, lie }] of Object.entries(LIES)) {
  test(`the check finds what a client was told: ${what}`, () => {
    let lied = 0
    fc.assert(
      fc.property(history, fc.nat(), (made, which) => {
        const checked = checkHistory(made)
        const spans = [...checked.spans.values()]
        fc.pre(spans.length > 0)
        const truth = spans.flatMap((span, at) => truthOf(span, BigInt(at)))
        checkTold(truth, checked)
        const told = lie(spans[which % spans.length]!)
        fc.pre(told !== undefined)
        lied++
        expect(() => checkTold([...truth, ...told!], checked)).toThrow(says)
      }),
    )
    expect(lied).toBeGreaterThan(0)
  })
}

test('L4 the check finds who takes himself for the holder after another was granted, unless he was ended by force', () => {
  let found = 0
  fc.assert(
    fc.property(history, (made) => {
      const checked = checkHistory(made)
      const spans = [...checked.spans.values()]
      const truth = spans.flatMap((span, at) => truthOf(span, BigInt(at)))
      const pair = spans
        .flatMap((span) => spans.map((next) => [span, next] as const))
        .find(
          ([span, next]) => span.to !== undefined && span.from < next.from && conflict(span.lock, next.lock),
        )
      fc.pre(pair !== undefined)
      const [span] = pair!
      found++
      const told: Told[] = [...truth, { what: 'held', lock: span.lock.name, atNs: BigInt(spans.length) }]
      expect(() => checkTold(told, checked)).toThrow(/was taken to be held after/)
      span.endCause = Lock_EndCause.FORCED
      checkTold(told, checked)
    }),
  )
  expect(found).toBeGreaterThan(0)
})
