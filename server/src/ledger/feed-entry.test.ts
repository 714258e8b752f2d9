import { describe, expect, test } from 'vitest'
import { Facet } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Condition } from '../../../proto/gen/holdfast/v1/service.ts'
import { Change_Type, WatchStateResponse } from '../../../proto/gen/holdfast/v1/watch.ts'
import { compileWatchFilter } from '../domain/filter/watch-filter.ts'
import type { Instant } from '../domain/instant.ts'
import { encodeBody } from '../domain/kind.ts'
import { type FeedChange, FeedEntry, type FeedFilter } from './feed-entry.ts'

const condition = (id: string, reason = ''): Buffer =>
  encodeBody('condition', Condition.fromPartial({ name: `conditions/${id}`, reason }))

const put = (revision: number, body: Buffer, before?: Buffer): FeedChange => ({
  revision: BigInt(revision),
  kind: 'condition',
  committedAt: 1_700_000_000_000_000n as Instant,
  body,
  before,
})

const entryOf = (changes: FeedChange[], [from, to] = [0, 9]): FeedEntry =>
  new FeedEntry(3n, { from: BigInt(from), to: BigInt(to) }, changes)

/** The messages that a filter makes of an entry: their position, and what each revision says. */
function told(entry: FeedEntry, filter: FeedFilter) {
  return entry.encodedFor(filter).map((bytes) => {
    const { step } = WatchStateResponse.decode(bytes)
    if (step?.$case !== 'changes') throw new Error('not changes')
    const { position, revisions } = step.value
    return {
      position: Number(position!.revision),
      epoch: Number(position!.ledgerEpoch),
      revisions: revisions.map(({ revision, changes }) => [
        Number(revision),
        ...changes.map(({ type, resource }) => {
          const { name } = resource!.resource!.value
          return type === Change_Type.PUT ? name : `not ${name}`
        }),
      ]),
    }
  })
}

const all = compileWatchFilter('')
const only = (id: string): FeedFilter => compileWatchFilter(`name = ${id}`)
/** A filter on what is in the resource. */
const reasoned = (key: string): FeedFilter => ({
  key,
  matches: ({ resource }) => resource?.$case === 'condition' && resource.value.reason === key,
})

describe('what a filter sees', () => {
  test('everything, whole revisions together, up to the end of the entry', () => {
    const entry = entryOf([put(4, condition('a')), put(4, condition('b')), put(5, condition('c'))], [3, 5])
    expect(told(entry, all)).toEqual([
      {
        position: 5,
        epoch: 3,
        revisions: [
          [4, 'conditions/a', 'conditions/b'],
          [5, 'conditions/c'],
        ],
      },
    ])
  })

  test('what passes, and a position behind what does not', () => {
    const entry = entryOf([put(1, condition('a')), put(2, condition('b')), put(3, condition('a'))], [0, 3])
    expect(told(entry, only('b'))).toEqual([{ position: 3, epoch: 3, revisions: [[2, 'conditions/b']] }])
    expect(told(entry, only('nobody'))).toEqual([])
  })

  test('what enters as put, what leaves as removed, what was never in it not at all', () => {
    const [in_, out] = [condition('a', 'in'), condition('a', 'out')]
    const entry = entryOf([
      put(1, out),
      put(2, in_, out),
      put(3, in_, in_),
      put(4, out, in_),
      put(5, out, out),
    ])
    expect(told(entry, reasoned('in'))[0]!.revisions).toEqual([
      [2, 'conditions/a'],
      [3, 'conditions/a'],
      [4, 'not conditions/a'],
    ])
  })
})

test('resumed in its middle, it begins after that revision', () => {
  const entry = entryOf([put(1, condition('a')), put(2, condition('b')), put(3, condition('c'))], [0, 3])
  const rest = entry.after(2n)
  expect([rest.from, rest.to]).toEqual([2n, 3n])
  expect(told(rest, all)[0]!.revisions).toEqual([[3, 'conditions/c']])
})

test('what is small as it is stored and large on the wire becomes several messages, with a position each', () => {
  const changes = Array.from({ length: 6 }, (_, i): FeedChange => {
    const attributes = { text: 'x'.repeat(600_000) }
    const facet = Facet.fromPartial({ name: `machines/web-${i}/facets/os`, attributes })
    return { ...put(i + 1, Buffer.of()), kind: 'facet', body: encodeBody('facet', facet) }
  })
  const entry = entryOf(changes, [0, 8])
  expect(entry.bytes).toBeLessThan(100_000)
  const messages = told(entry, all)
  expect(messages.map(({ revisions }) => revisions.length)).toEqual([1, 1, 1, 1, 1, 1])
  expect(messages.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 8])
})

describe('the encodings that it keeps', () => {
  test('are shared by those who share a filter', () => {
    const entry = entryOf([put(1, condition('a'))])
    expect(entry.encodedFor(only('a'))).toBe(entry.encodedFor(only('a')))
    expect(entry.encodedFor(only('a'))).not.toBe(entry.encodedFor(all))
  })

  test('are bounded, however many filters there are, and none after its release', () => {
    const body = condition('a', 'x'.repeat(100_000))
    const entry = entryOf([put(1, body)])
    const filters = Array.from({ length: 50 }, (_, i): FeedFilter => ({ key: `${i}`, matches: () => true }))
    const first = filters.map((filter) => entry.encodedFor(filter))
    const kept = filters.filter((filter, i) => entry.encodedFor(filter) === first[i])
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.length).toBeLessThan(45)
    entry.release()
    expect(filters.some((filter, i) => entry.encodedFor(filter) === first[i])).toBe(false)
    expect(told(entry, all)).toHaveLength(1)
  })
})
