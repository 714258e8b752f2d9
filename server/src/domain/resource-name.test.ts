import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  facetName,
  idViolation,
  instanceName,
  labelViolations,
  machineName,
  machineNameViolation,
  parseConditionName,
  parseFacetName,
  parseInstanceName,
  parseMachineName,
  proseViolation,
  shown,
  textViolation,
  wordViolation,
} from './resource-name.ts'

const ID_CHARACTERS = [...'abzABZ059._@+-']
const id = fc
  .tuple(
    fc.constantFrom('a', 'Z', '0'),
    fc.string({ unit: fc.constantFrom(...ID_CHARACTERS), maxLength: 127 }),
  )
  .map(([first, rest]) => first + rest)

test('names are read back as they were made', () => {
  fc.assert(
    fc.property(id, id, fc.oneof(fc.constant('main'), id), (machine, service, slot) => {
      expect(parseMachineName(machineName(machine))).toBe(machine)
      expect(parseInstanceName(instanceName({ machine, service, slot }))).toEqual({ machine, service, slot })
      expect(parseFacetName(facetName(machine, 'hardware'))).toEqual({ machine, facet: 'hardware' })
      expect(idViolation('id', machine)).toBeUndefined()
    }),
  )
})

test('a thing has one name: the slot main is never written', () => {
  expect(instanceName({ machine: 'web-0', service: 'airship', slot: 'main' })).toBe('instances/web-0~airship')
  expect(parseInstanceName('instances/web-0~airship~main')).toBeUndefined()
})

test.each([
  'web-0',
  'machines/',
  'machines/a/b',
  'machines/-a',
  'machines/a b',
  'machines/a~b',
  'machines/a\n',
  'machines/ä',
  'machines/a\0',
  `machines/${'a'.repeat(129)}`,
  `machines/${'a'.repeat(10_000)}`,
  'services/a',
])('%j names no machine', (name) => {
  expect(parseMachineName(name)).toBeUndefined()
  const violation = machineNameViolation('name', name)
  expect(violation?.field).toBe('name')
  expect(violation!.description.length).toBeLessThan(300)
})

test('a condition may hold colons and slashes, and no spaces', () => {
  expect(parseConditionName('conditions/migration:airship/20110502')).toBe('migration:airship/20110502')
  expect(parseConditionName('conditions/a b')).toBeUndefined()
  expect(parseConditionName('conditions/')).toBeUndefined()
})

test('text is counted in bytes, and printable', () => {
  expect(textViolation('text', 'ü'.repeat(5), { maxBytes: 10 })).toBeUndefined()
  expect(textViolation('text', 'ü'.repeat(6), { maxBytes: 10 })?.field).toBe('text')
  expect(textViolation('text', '', { minBytes: 1, maxBytes: 10 })?.field).toBe('text')
  for (const text of ['a\n', 'a\0', '\u007f', '\u2028', '\ud800']) {
    expect(textViolation('text', text, { maxBytes: 10 })?.field).toBe('text')
  }
  expect(proseViolation('text', 'two\nlines\tof text', { maxBytes: 30 })).toBeUndefined()
  expect(wordViolation('source', 'agent/worker-0')).toBeUndefined()
  expect(wordViolation('source', 'agent worker')?.field).toBe('source')
})

test('every label that breaks a rule is told, and too many at all', () => {
  const labels = { fine: 'x', 'a key': 'x', long: 'x'.repeat(1025) }
  expect(labelViolations('labels', labels).map(({ field }) => field)).toEqual([
    'labels["a key"]',
    'labels["long"]',
  ])
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, '']))
  expect(labelViolations('labels', many)).toHaveLength(1)
})

test('a long value is cut where it is shown', () => {
  expect(shown('a"b')).toBe('"a\\"b"')
  expect(shown('x'.repeat(10_000))).toHaveLength(61 + 2 + '… (10000 long)'.length)
})
