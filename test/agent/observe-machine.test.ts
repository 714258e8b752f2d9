import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism, hostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { MachineObservation, ObservedFacet } from '@holdfast/agent'
import { observeMachine } from '@holdfast/agent'
import { describe, expect, test } from 'vitest'
import { until } from '../harness/wait.ts'
import {
  canMakeContainer,
  canRunAsNobody,
  nobody,
  observeElsewhere,
  observeInContainer,
} from './observe-elsewhere.ts'

const linux = process.platform === 'linux'

function facet(observation: MachineObservation, name: string): ObservedFacet {
  const found = observation.facets.find((one) => one.facet === name)
  if (found === undefined) throw new Error(`there is no facet ${name}`)
  return found
}

describe('observeMachine', () => {
  test('observing twice gives identical facets', async () => {
    // What a busy machine does not tell in time is left out.
    const [first, second] = await until('two looks that see as much', async () => {
      const looks = [await observeMachine(), await observeMachine()] as const
      return isDeepStrictEqual(looks[0].failures, looks[1].failures) && looks
    })
    expect(second.facets).toEqual(first.facets)
    expect(JSON.stringify(second.facets)).toBe(JSON.stringify(first.facets))
    expect(second.identity).toEqual(first.identity)
  })

  test.runIf(linux)("tells the machine's real CPUs, memory and names", async () => {
    const observation = await observeMachine()
    const hardware = facet(observation, 'hardware').attributes
    const memory = /^MemTotal:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))
    expect(hardware['host.memory.size']).toBe(Number(memory?.[1]) * 1024)
    expect(hardware['host.cpu.logical.count']).toBeGreaterThanOrEqual(availableParallelism())
    expect(hardware['host.cpu.physical.count']).toBeLessThanOrEqual(
      Number(hardware['host.cpu.logical.count']),
    )
    expect(hardware['host.disk.count']).toBe((hardware['host.disks'] as unknown[]).length)
    expect(facet(observation, 'os').attributes).toMatchObject({ 'os.type': 'linux', 'host.name': hostname() })
    expect(facet(observation, 'network').attributes).toHaveProperty(['host.interfaces'])
  })

  test.runIf(linux)('without lsblk, lscpu and hostname the disks and CPUs are still real', async () => {
    const here = await observeMachine()
    const bare = await observeElsewhere<MachineObservation>('machine', { path: '/nonexistent' })
    const pick = (observation: MachineObservation) => {
      const attributes = facet(observation, 'hardware').attributes
      return ['host.cpu.logical.count', 'host.cpu.physical.count', 'host.disk.count', 'host.disk.size'].map(
        (name) => attributes[name],
      )
    }
    expect(pick(bare)).toEqual(pick(here))
    const os = facet(bare, 'os')
    if (!hostname().includes('.')) {
      expect(os.complete).toBe(false)
      expect(os.failures.map((failure) => failure.probe)).toEqual(['fqdn'])
    }
  })

  test.runIf(canRunAsNobody())('works for a user who is not root', async () => {
    const root = await observeMachine()
    const other = await observeElsewhere<MachineObservation>('machine', nobody)
    expect(facet(other, 'network').attributes).toEqual(facet(root, 'network').attributes)
    expect(facet(other, 'hardware').attributes).toMatchObject({
      'host.cpu.logical.count': facet(root, 'hardware').attributes['host.cpu.logical.count'],
      'host.memory.size': facet(root, 'hardware').attributes['host.memory.size'],
      'host.disks': facet(root, 'hardware').attributes['host.disks'],
    })
    // What only root may read is missing, and the facet says so.
    for (const one of other.facets) expect(one.complete).toBe(one.failures.length === 0)
  })

  test.runIf(canMakeContainer())(
    'a container does not pass for its host, nor for another of its image',
    async () => {
      const { identity } = await observeInContainer()
      const kinds = identity.aliases.map((alias) => alias.kind)
      expect(kinds).not.toContain('hardware-uuid')
      // Left in the image, or in the disk of a virtual machine that was made from one.
      if (existsSync('/.dockerenv')) expect(kinds).not.toContain('machine-id')
      expect(kinds).toContain('hostname')
    },
  )
})
