import fc from 'fast-check'
import { expect, test } from 'vitest'
import { facetDigest as ofAgent } from '../../agent/src/daemon/digest.ts'
import { Struct } from '../../proto/gen/google/protobuf/struct.ts'
import { facetDigest as ofServer } from '../../server/src/domain/facet-digest.ts'

test('the agent and the server work out the same digest, in whatever order attributes come', () => {
  const value = fc.jsonValue({ maxDepth: 4 }).filter((one) => !JSON.stringify(one).includes('null'))
  // An object that is made by assignment, as a decoded Struct is, cannot have the key __proto__.
  const attributes = fc
    .dictionary(fc.string({ unit: 'binary' }), value)
    .filter((one) => !JSON.stringify(one).includes('__proto__'))
  fc.assert(
    fc.property(attributes, (attributes) => {
      const reversed = Object.fromEntries(Object.entries(attributes).reverse())
      const packed = Struct.encode(Struct.wrap(reversed)).finish()
      expect(ofServer(packed)).toEqual(ofAgent(attributes as Parameters<typeof ofAgent>[0]))
    }),
  )
})
