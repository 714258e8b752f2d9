import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Value } from '../../../proto/gen/google/protobuf/struct.ts'
import { valueFault } from './packed-value.ts'

const encode = (value: unknown): Uint8Array => Value.encode(Value.wrap(value)).finish()

const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown =>
  depth === 0 ? 1 : wrap(nested(depth - 1, wrap))

test('what is encoded of a value is a value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      expect(valueFault(encode(value), 32)).toBeUndefined()
    }),
  )
})

test('what is cut, flipped or lengthened is refused, or can still be read', () => {
  const damage = fc.tuple(fc.jsonValue({ maxDepth: 3 }), fc.nat(), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(damage, ([value, at, byte]) => {
      const bytes = encode(value)
      const place = at % (bytes.length + 1)
      const damaged = [
        bytes.subarray(0, place),
        Uint8Array.from([...bytes.subarray(0, place), byte, ...bytes.subarray(place)]),
        Uint8Array.from([...bytes.subarray(0, place), byte, ...bytes.subarray(place + 1)]),
      ]
      for (const each of damaged) {
        if (valueFault(each, 32) === undefined) expect(() => Value.decode(each)).not.toThrow()
      }
    }),
    { numRuns: 1000 },
  )
})

test.each([
  ['objects', (inner: unknown) => ({ a: inner })],
  ['lists', (inner: unknown) => [inner]],
])('%s may be nested as deep as is said, and no deeper', (_, wrap) => {
  expect(valueFault(encode(nested(5, wrap)), 5)).toBeUndefined()
  expect(valueFault(encode(nested(6, wrap)), 5)).toBe('too deep')
  expect(valueFault(encode(nested(0, wrap)), 0)).toBeUndefined()
})

describe('malformed', () => {
  test.each<[string, number[]]>([
    ['nothing at all', []],
    ['a text that is cut', [0x1a, 0x7f]],
    ['a text that is not UTF-8', [0x1a, 0x02, 0xff, 0xfe]],
    ['half a surrogate', [0x1a, 0x03, 0xed, 0xa0, 0x80]],
    ['a number that is cut', [0x11, 0, 0, 0]],
    ['a tag of nothing', [0x00]],
    ['the end of a group', [0x0c]],
    ['a field of a later version and no kind', [0x7a, 0x01, 0x41]],
    ['an object with an entry that is cut', [0x2a, 0x04, 0x0a, 0x7f, 0x01, 0x01]],
    ['an object with an entry without a value', [0x2a, 0x05, 0x0a, 0x03, 0x0a, 0x01, 0x41]],
    ['an entry whose key is not UTF-8', [0x2a, 0x09, 0x0a, 0x07, 0x0a, 0x01, 0xff, 0x12, 0x02, 0x20, 0x01]],
    [
      'an entry that reaches out of its object',
      [0x2a, 0x04, 0x0a, 0x07, 0x0a, 0x01, 0x41, 0x12, 0x02, 0x20, 0x01],
    ],
    ['a list with a value of no kind', [0x32, 0x02, 0x0a, 0x00]],
  ])('%s', (_, bytes) => {
    expect(valueFault(Uint8Array.from(bytes), 32)).toBe('malformed')
  })
})
