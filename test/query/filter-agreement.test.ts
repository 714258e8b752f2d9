import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileFilter } from '../../server/src/domain/filter/bind-filter.ts'
import type { FilterFields } from '../../server/src/domain/filter/field.ts'
import { matcher } from '../../server/src/domain/filter/matches.ts'
import { compareText } from '../../server/src/domain/filter/text-order.ts'
import { encodeMessage, type KindMessage } from '../../server/src/domain/kind.ts'
import type { Order } from '../../server/src/domain/order.ts'
import { listResources } from '../../server/src/store/list-resources.ts'
import { LISTINGS, type ListedKind } from '../../server/src/store/listed-kind.ts'
import { resourceOf } from '../../server/src/store/resource-row.ts'
import { arbitraryFilter } from './arbitrary-filter.ts'
import { arbitraryPut, EVERY_PARENT } from './arbitrary-resource.ts'
import { type PopulatedStore, populatedStore } from './populated-store.ts'

let populated: PopulatedStore

beforeAll(async () => {
  populated = await populatedStore()
  await populated.commit(EVERY_PARENT)
  for (const puts of fc.sample(fc.array(arbitraryPut, { minLength: 1, maxLength: 12 }), {
    numRuns: 60,
    seed: 1,
  })) {
    await populated.commit(puts)
  }
})
afterAll(() => populated[Symbol.asyncDispose]())

/** All pages of a list at a revision. `now` reads as of the head without naming it. */
async function readAll<K extends ListedKind>(
  kind: K,
  query: { filter: string; order: Order; revision: bigint; limit: number },
): Promise<KindMessage[K][]> {
  const filter = compileFilter(query.filter, LISTINGS[kind].fields)
  const at = { revision: query.revision, head: populated.head(), now: false }
  const found: KindMessage[K][] = []
  let after: string[] | undefined
  do {
    const page = await listResources(populated.store, {
      kind,
      filter,
      order: query.order,
      at,
      after,
      limit: query.limit,
    })
    expect(page.resources.length).toBeLessThanOrEqual(query.limit)
    found.push(...page.resources.map((row) => resourceOf(kind, row, at)))
    after = page.next
  } while (after !== undefined)
  return found
}

const KINDS: ListedKind[] = ['machine', 'service', 'instance']

test.each(KINDS)(
  'lists of %ss show what the filter lets through in memory, at every revision',
  async (kind) => {
    const fields = LISTINGS[kind].fields as FilterFields<never>
    const orders = [...fields.values()]
      .filter(({ type }) => type !== 'map' && type !== 'list')
      .map(({ name }) => name)
    const query = fc.record({
      filter: fc.oneof(
        { weight: 1, arbitrary: fc.constant('') },
        { weight: 6, arbitrary: arbitraryFilter(fields) },
      ),
      order: fc.record({ field: fc.constantFrom('name', ...orders), descending: fc.boolean() }),
      // Mostly the head, where SQL decides alone; in the past most rows have changed since.
      revision: fc.oneof(
        { weight: 2, arbitrary: fc.constant(populated.head()) },
        { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: populated.head() }) },
      ),
      limit: fc.constantFrom(7, 20, 1000),
    })
    await fc.assert(
      fc.asyncProperty(query, async (asked) => {
        const matches = matcher(compileFilter(asked.filter, fields)) as (
          resource: KindMessage[typeof kind],
        ) => boolean
        const expected = populated.stateAt(kind, asked.revision).filter(matches)
        const found = await readAll(kind, asked)
        expect(found.map(({ name }) => name).sort(compareText)).toEqual(
          expected.map(({ name }) => name).sort(compareText),
        )
        // As they were, to the byte.
        const bytes = new Map(expected.map((resource) => [resource.name, encodeMessage(kind, resource)]))
        for (const resource of found) expect(encodeMessage(kind, resource)).toEqual(bytes.get(resource.name))
        if (asked.order.field === 'name') {
          const names = expected.map(({ name }) => name).sort(compareText)
          expect(found.map(({ name }) => name)).toEqual(asked.order.descending ? names.reverse() : names)
        }
      }),
      { numRuns: 200 },
    )
  },
)

test.each(KINDS)(
  'pages of %ss of any size put together are the list, in the order asked for',
  async (kind) => {
    const fields = LISTINGS[kind].fields as FilterFields<never>
    const orders = [...fields.values()]
      .filter(({ type }) => type !== 'map' && type !== 'list')
      .map(({ name }) => name)
    for (const field of orders) {
      for (const descending of [false, true]) {
        for (const revision of [populated.head(), populated.head() / 2n]) {
          const query = { filter: '', order: { field, descending }, revision }
          const whole = (await readAll(kind, { ...query, limit: 1000 })).map(({ name }) => name)
          const paged = (await readAll(kind, { ...query, limit: 9 })).map(({ name }) => name)
          expect(paged).toEqual(whole)
          const opposite = await readAll(kind, {
            ...query,
            order: { field, descending: !descending },
            limit: 1000,
          })
          expect(opposite.map(({ name }) => name).reverse()).toEqual(whole)
        }
      }
    }
  },
)

/** A text as filters have it. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\*]/g, (character) => `\\${character}`)}"`

test('instances of a service in an environment, which an index has by name, are those of the filter, by pages of any size', async () => {
  let matched = 0
  for (const revision of [populated.head(), populated.head() - 5n, populated.head() / 2n]) {
    const state = populated.stateAt('instance', revision)
    const environments = new Set(state.map(({ environment }) => environment).filter((text) => text !== ''))
    const services = new Set(state.map(({ service }) => service.slice('services/'.length)))
    const byEnvironment = [...environments].map((environment) => `environment = ${quoted(environment)}`)
    const filters = byEnvironment.flatMap((environment) => [
      environment,
      ...[...services].map((service) => `${environment} AND service = ${quoted(service)}`),
    ])
    for (const filter of filters) {
      const matches = matcher(compileFilter(filter, LISTINGS.instance.fields))
      const expected = state
        .filter(matches)
        .map(({ name }) => name)
        .sort(compareText)
      matched += expected.length
      for (const descending of [false, true]) {
        const found = await readAll('instance', {
          filter,
          order: { field: 'name', descending },
          revision,
          limit: 2,
        })
        const names = found.map(({ name }) => name)
        expect(descending ? names.reverse() : names).toEqual(expected)
      }
    }
  }
  expect(matched).toBeGreaterThan(50)
})
