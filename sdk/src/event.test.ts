import { expect, test } from 'vitest'
import { event } from './event.ts'
import { idOf, machineRef, nameOf } from './machine-ref.ts'

test('names are taken with and without their collection', () => {
  expect(idOf('machines', 'machines/web-0')).toBe('web-0')
  expect(idOf('machines', 'web-0')).toBe('web-0')
  expect(nameOf('machines', 'web-0')).toBe('machines/web-0')
  expect(nameOf('machines', 'machines/web-0')).toBe('machines/web-0')
})

test('a machine is named by id, by keys, or both', () => {
  expect(machineRef('web-0')).toEqual({ id: 'web-0', aliases: [] })
  const aliases = [{ kind: 'machine-id' as const, value: 'abc' }]
  expect(machineRef({ id: 'machines/web-0', aliases })).toEqual({
    id: 'web-0',
    aliases: [{ kind: 3, value: 'abc' }],
  })
})

test('a deployment succeeded unless said otherwise', () => {
  const made = event.deployed('services/airship', { version: '1', machines: ['web-0', { id: 'web-1' }] })
  expect(made.payload).toMatchObject({
    $case: 'deploymentRecorded',
    value: { service: 'airship', status: 2, machines: [{ id: 'web-0' }, { id: 'web-1' }] },
  })
})

test('facets are complete unless said otherwise', () => {
  const facets = { os: { 'os.type': 'linux' }, hardware: {} }
  expect(event.observed('web-0', { facets }).payload.value).toMatchObject({
    facets: [
      { facet: 'os', attributes: { 'os.type': 'linux' }, complete: true },
      { facet: 'hardware', complete: true },
    ],
  })
  expect(event.observed('web-0', { facets, complete: false }).payload.value).toMatchObject({
    facets: [{ complete: false }, { complete: false }],
  })
})
