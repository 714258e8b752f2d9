import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineAlias } from '../machine-identity.ts'

interface Identity {
  agentId: string
  /** What the machine was known by when the id was made. */
  boundTo: Record<string, string>
}

/** What belongs to one machine, and not to a copy of its disk. */
const BINDING: readonly MachineAlias['kind'][] = ['cloud-instance-id', 'hardware-uuid', 'machine-id']

/**
 * The id of the agent on a data directory: made once, and made anew when what the machine is known by contradicts
 * what it was bound to. A cloned disk so gets an id of its own, and does not fight with its origin over one.
 */
export function ownIdentity(dataDir: string, aliases: readonly MachineAlias[]): string {
  const path = join(dataDir, 'agent.json')
  const now: Record<string, string> = {}
  for (const { kind, value } of aliases) if (BINDING.includes(kind)) now[kind] = value
  const held = read(path)
  const moved =
    held !== undefined && Object.entries(held.boundTo).some(([kind, value]) => (now[kind] ?? value) !== value)
  const identity: Identity =
    held === undefined || moved
      ? { agentId: randomUUID(), boundTo: now }
      : { agentId: held.agentId, boundTo: { ...held.boundTo, ...now } }
  if (JSON.stringify(identity) !== JSON.stringify(held)) {
    mkdirSync(dataDir, { recursive: true })
    writeFileSync(`${path}.new`, `${JSON.stringify(identity)}\n`, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
  return identity.agentId
}

/** Undefined when there is none, or what is there is damaged: then the machine gets a new one. */
function read(path: string): Identity | undefined {
  try {
    const { agentId, boundTo } = JSON.parse(readFileSync(path, 'utf8')) as Identity
    return typeof agentId === 'string' && typeof boundTo === 'object' && boundTo !== null
      ? { agentId, boundTo }
      : undefined
  } catch {
    return undefined
  }
}
