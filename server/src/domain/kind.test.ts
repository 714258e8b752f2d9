import { expect, test } from 'vitest'
import { Facet } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Instance } from '../../../proto/gen/holdfast/v1/service.ts'
import { decodeBody, encodeBody, kindName, ResourceKind, wireBody } from './kind.ts'

test('a large facet is stored compressed, a small one as it is, and both are read back', () => {
  const attributes = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`host.attribute.${i}`, `value ${i}`]),
  )
  const large = Facet.fromPartial({ name: 'machines/a/facets/os', attributes })
  const small = Facet.fromPartial({ name: 'm', attributes: {} })
  const [storedLarge, storedSmall] = [encodeBody('facet', large), encodeBody('facet', small)]
  expect(storedLarge.length).toBeLessThan(Facet.encode(large).finish().length / 2)
  expect(storedLarge[0]).toBe(1)
  expect(storedSmall[0]).toBe(0)
  expect(decodeBody('facet', storedLarge)).toEqual(large)
  expect(decodeBody('facet', storedSmall)).toEqual(small)
  expect(wireBody('facet', storedLarge)).toEqual(Buffer.from(Facet.encode(large).finish()))
})

test('other kinds are stored as protobuf', () => {
  const instance = Instance.fromPartial({ name: 'instances/a~b', labels: { x: 'y' } })
  expect(encodeBody('instance', instance)).toEqual(Buffer.from(Instance.encode(instance).finish()))
})

test('a marker of a later version is refused', () => {
  expect(() => decodeBody('facet', Buffer.from([9, 1, 2]))).toThrow('marker 9')
})

test('kinds keep their numbers', () => {
  expect(ResourceKind).toEqual({
    machine: 1,
    facet: 2,
    service: 3,
    instance: 4,
    condition: 5,
    lock: 6,
    hold: 7,
    run: 8,
    finding: 9,
    rule: 10,
  })
  expect(kindName(4)).toBe('instance')
  expect(() => kindName(99)).toThrow('99')
})
