import fc from 'fast-check'
import type { Field, FilterFields } from '../../server/src/domain/filter/field.ts'
import { MACHINE_IDS, SECONDS, SERVICE_IDS, TEXTS } from './arbitrary-resource.ts'

const quoted = (text: string): string => `"${text.replace(/["\\*]/g, '\\$&')}"`
const ordering = fc.constantFrom('=', '!=', '<', '<=', '>', '>=')
const equality = fc.constantFrom('=', '!=')

/** A text literal: as it is, a part of it, or with wildcards at its ends. */
function textComparison(field: string, values: readonly string[]): fc.Arbitrary<string> {
  const value = fc.constantFrom(...values)
  const part = fc.tuple(value, fc.nat(3), fc.nat(3)).map(([text, from, to]) => {
    const characters = [...text]
    return characters.slice(from, characters.length - to).join('')
  })
  return fc.oneof(
    fc.tuple(ordering, value).map(([operator, text]) => `${field} ${operator} ${quoted(text)}`),
    part.map((text) => `${field}:${quoted(text)}`),
    fc.tuple(equality, part, fc.constantFrom('before', 'after', 'both')).map(([operator, text, where]) => {
      const inner = quoted(text).slice(1, -1)
      return `${field} ${operator} "${where === 'after' ? '' : '*'}${inner}${where === 'before' ? '' : '*'}"`
    }),
    fc.constant(`${field}:*`),
  )
}

function comparison(field: Field<never>): fc.Arbitrary<string> {
  const { name } = field
  switch (field.type) {
    case 'text':
      return textComparison(name, [...TEXTS, 'main', 'blue', 'a'])
    case 'id':
      return textComparison(name, [
        ...MACHINE_IDS,
        ...SERVICE_IDS,
        'machines/web-1',
        'services/air',
        'web-1~air',
        'instances/web-1~airship~blue',
        'db+1~offline-tasks',
      ])
    case 'whole':
      return fc
        .tuple(ordering, fc.constantFrom('0', '1', '2', '-1', '64', '1099511627776', '99999999999999999999'))
        .map(([operator, number]) => `${name} ${operator} ${number}`)
    case 'time':
      return fc.oneof(
        fc
          .tuple(
            ordering,
            fc.constantFrom(...SECONDS),
            fc.constantFrom('', '.000000999', '.000001', '.123456789'),
          )
          .map(
            ([operator, seconds, fraction]) =>
              `${name} ${operator} "${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction}Z"`,
          ),
        fc.constant(`${name}:*`),
      )
    case 'enum':
      return fc
        .tuple(equality, fc.constantFrom(...Object.keys(field.values)))
        .map(([operator, value]) => `${name} ${operator} ${value}`)
    case 'map': {
      const key = fc.constantFrom('env', '"a.b"', '"with\\"quote"', '"\u{1F600}"', 'none')
      return fc.oneof(
        key.map((k) => `${name}:${k}`),
        key.chain((k) => textComparison(`${name}.${k}`, TEXTS)),
      )
    }
    case 'list':
      return fc.oneof(
        fc
          .tuple(equality, fc.constantFrom('id-web-1', 'web-1', 'id-*', '*1', '*b*', '*'))
          .map(([operator, value]) => `${name} ${operator} ${value}`),
        fc.constant(`${name}:*`),
        fc.constant(`${name}:web-10`),
      )
  }
}

/** The text of a filter over the fields of a kind. */
export function arbitraryFilter(fields: FilterFields<never>): fc.Arbitrary<string> {
  const leaf = fc.oneof(...[...fields.values()].map(comparison))
  const { filter } = fc.letrec<{ filter: string }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      { weight: 6, arbitrary: leaf },
      {
        weight: 2,
        arbitrary: fc
          .array(tie('filter'), { minLength: 2, maxLength: 3 })
          .map((all) => `(${all.join(' AND ')})`),
      },
      {
        weight: 2,
        arbitrary: fc
          .array(tie('filter'), { minLength: 2, maxLength: 3 })
          .map((all) => `(${all.join(' OR ')})`),
      },
      { weight: 1, arbitrary: tie('filter').map((inner) => `NOT ${inner}`) },
    ),
  }))
  return filter
}
