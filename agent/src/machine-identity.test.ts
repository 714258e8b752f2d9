import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import {
  localMachine,
  machineIdentity,
  machineIdFromHostname,
  usableHardwareUuid,
  usableMachineId,
} from './machine-identity.ts'

describe('machineIdFromHostname', () => {
  test.each([
    ['web-0', 'web-0'],
    ['Web-0.Example.COM', 'web-0'],
    ['my host', 'my-host'],
    ['_db', 'db'],
    ['bücher', 'b-cher'],
    ['..', 'localhost'],
    ['', 'localhost'],
    ['x'.repeat(300), 'x'.repeat(128)],
  ])('%j gives %j', (name, id) => {
    expect(machineIdFromHostname(name)).toBe(id)
    expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/)
  })
})

test('a machine-id that was never set is none', () => {
  expect(usableMachineId('3d1219c7c4c5404aaa1f6d2a48adfda4\n')).toBe('3d1219c7c4c5404aaa1f6d2a48adfda4')
  expect(usableMachineId('3D1219C7-C4C5-404A-AA1F-6D2A48ADFDA4')).toBe('3d1219c7c4c5404aaa1f6d2a48adfda4')
  for (const text of ['', 'uninitialized', '0'.repeat(32), 'abc'])
    expect(usableMachineId(text)).toBeUndefined()
})

test('a hardware UUID that boards ship as a placeholder is none', () => {
  expect(usableHardwareUuid('4C4C4544-0042-4A10-8056-B4C04F575231')).toBe(
    '4c4c4544-0042-4a10-8056-b4c04f575231',
  )
  for (const text of [
    '',
    'Not Settable',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '03000200-0400-0500-0006-000700080009',
  ]) {
    expect(usableHardwareUuid(text)).toBeUndefined()
  }
})

test('this machine has an id, and the aliases that a script sends are among those of the agent', () => {
  const identity = machineIdentity({ fqdn: 'web-0.example.com', addresses: ['192.0.2.7'] })
  expect(identity.id).toBe(machineIdFromHostname(hostname()))
  expect(identity.aliases).toEqual(expect.arrayContaining(localMachine().aliases))
  expect(identity.aliases).toContainEqual({ kind: 'hostname', value: hostname() })
  expect(identity.aliases).toContainEqual({ kind: 'fqdn', value: 'web-0.example.com' })
  expect(identity.aliases).toContainEqual({ kind: 'ip-address', value: '192.0.2.7' })
})

test('a reference never holds more than 32 aliases', () => {
  const addresses = Array.from({ length: 100 }, (_, index) => `192.0.2.${index}`)
  expect(machineIdentity({ addresses }).aliases).toHaveLength(32)
})
