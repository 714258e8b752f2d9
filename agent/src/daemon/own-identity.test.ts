import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownAliases, ownIdentity } from './own-identity.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-identity-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const machineId = { kind: 'machine-id', value: 'a'.repeat(32) } as const
const hardware = (value: string) => ({ kind: 'hardware-uuid', value }) as const

test('an agent keeps its id, also when it learns more of its machine', () => {
  const id = ownIdentity(directory, [machineId])
  expect(ownIdentity(directory, [machineId])).toBe(id)
  expect(ownIdentity(directory, [machineId, hardware('one')])).toBe(id)
  expect(ownIdentity(directory, [hardware('one'), { kind: 'hostname', value: 'renamed' }])).toBe(id)
})

test('a cloned disk on other hardware gets a new id, and keeps that', () => {
  const id = ownIdentity(directory, [machineId, hardware('one')])
  const cloned = ownIdentity(directory, [machineId, hardware('two')])
  expect(cloned).not.toBe(id)
  expect(ownIdentity(directory, [machineId, hardware('two')])).toBe(cloned)
})

test('scripts know their machine by what its agent found out, and not by what was found out elsewhere', () => {
  const cloud = { kind: 'cloud-instance-id', value: 'aws:1/eu-west-1/i-0abc' } as const
  expect(ownAliases(directory, [machineId])).toEqual([])
  const value = ownIdentity(directory, [machineId, hardware('one'), cloud])
  expect(ownAliases(directory, [machineId])).toEqual([cloud, { kind: 'agent-id', value }])
  expect(ownAliases(directory, [machineId, hardware('two')])).toEqual([])
})

test('a damaged file is replaced', () => {
  writeFileSync(join(directory, 'agent.json'), '{"agentId":')
  const id = ownIdentity(directory, [machineId])
  expect(ownIdentity(directory, [machineId])).toBe(id)
})
