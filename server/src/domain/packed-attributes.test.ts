import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Struct, Value } from '../../../proto/gen/google/protobuf/struct.ts'
import { jsonEqual } from './json-equal.ts'
import { AttributesFault, compareAttributes, refuseFaults, unpackAttribute } from './packed-attributes.ts'

type Attributes = Record<string, unknown>

const pack = (attributes: Attributes): Uint8Array => Struct.encode(Struct.wrap(attributes)).finish()
const unpack = (bytes: Uint8Array): Attributes => ({ ...Struct.unwrap(Struct.decode(bytes)) })

/** Attributes with keys and values that often meet. As in JSON there is one zero: of two that are equal, either may stand. */
const attributes = fc
  .dictionary(
    fc.constantFrom('a', 'b', 'c', 'toString'),
    fc.oneof(fc.constantFrom(0, 1, 'x', true, null), fc.jsonValue({ maxDepth: 2 })),
  )
  .map((drawn) => JSON.parse(JSON.stringify(drawn)) as Attributes)

test('two sets of attributes are compared as their values are, whatever their order', () => {
  fc.assert(
    fc.property(attributes, attributes, fc.boolean(), (standing, given, complete) => {
      // The generated reader of Struct loses a key of this name, though the bytes keep it: a limit of reading.
      fc.pre(!JSON.stringify([standing, given]).includes('"__proto__"'))
      const merged = complete ? given : { ...standing, ...given }
      const change = compareAttributes(pack(standing), pack(given), complete)
      if (jsonEqual(merged, standing)) {
        expect(change).toBeUndefined()
        return
      }
      expect(unpack(change!.merged)).toEqual(merged)
      const changed = unpack(change!.changed)
      for (const key of new Set([...Object.keys(standing), ...Object.keys(merged)])) {
        const before = Object.hasOwn(standing, key) ? standing[key] : undefined
        const after = Object.hasOwn(merged, key) ? merged[key] : undefined
        if (jsonEqual(before, after)) expect(Object.hasOwn(changed, key)).toBe(false)
        else expect(changed[key]).toEqual(after ?? null)
        expect(unpackAttribute(change!.values, key)).toEqual(after)
      }
    }),
    { numRuns: 500 },
  )
})

/** An attribute `A`, true or false. */
const entry = (truth: number): number[] => [0x0a, 0x07, 0x0a, 0x01, 0x41, 0x12, 0x02, 0x20, truth]

test('of an attribute that comes twice, the last counts', () => {
  const change = compareAttributes(pack({}), Uint8Array.from([...entry(1), ...entry(0)]), true)
  expect(unpack(change!.merged)).toEqual({ A: false })
})

test.each<[string, number[]]>([
  ['an entry that is cut', [0x0a, 0x7f]],
  ['a tag of nothing', [0x00]],
  ['the end of a group', [0x0c]],
  ['the beginning of one', [0x0b, 0x0b]],
  ['an entry that says to be shorter than it is', [0x0a, 0x05, ...entry(1).slice(2)]],
  ['a key without a value', [0x0a, 0x03, 0x0a, 0x01, 0x41]],
  ['a key that is not UTF-8', [0x0a, 0x07, 0x0a, 0x01, 0xff, 0x12, 0x02, 0x20, 0x01]],
  ['a length without end', [0x0a, ...Array.from({ length: 11 }, () => 0xff)]],
  ['a value that is cut', [0x0a, 0x07, 0x0a, 0x01, 0x41, 0x12, 0x02, 0x1a, 0x7f]],
])('%s is refused, alone or compared', (_, bytes) => {
  const malformed = Uint8Array.from(bytes)
  expect(() => refuseFaults(malformed)).toThrow(AttributesFault)
  for (const complete of [true, false]) {
    for (const standing of [pack({}), pack({ A: 1 })]) {
      expect(() => compareAttributes(standing, malformed, complete)).toThrow(AttributesFault)
    }
  }
})

test('a value that is nested too deep is refused when it comes', () => {
  let value: unknown = 1
  for (let i = 0; i < 32; i++) value = [value]
  expect(() => compareAttributes(pack({}), pack({ value }), true)).toThrow(
    expect.objectContaining({ fault: 'too deep' }),
  )
  expect(Value.unwrap(Value.decode(Value.encode(Value.wrap(value)).finish()))).toEqual(value)
})
