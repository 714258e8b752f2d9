import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bindingOf, isAnothers, type MachineBinding } from '../machine-binding.ts'
import type { MachineAlias } from '../machine-identity.ts'

interface Identity {
  agentId: string
  /** What the machine was known by when the id was made. */
  boundTo: MachineBinding
}

/**
 * The id of the agent on a data directory: made once, and made anew when what the machine is known by contradicts
 * what it was bound to. A cloned disk so gets an id of its own, and does not fight with its origin over one.
 */
export function ownIdentity(dataDir: string, aliases: readonly MachineAlias[]): string {
  const path = pathIn(dataDir)
  const now = bindingOf(aliases)
  const held = read(path)
  const identity: Identity =
    held === undefined || isAnothers(held.boundTo, now)
      ? { agentId: randomUUID(), boundTo: now }
      : { agentId: held.agentId, boundTo: { ...held.boundTo, ...now } }
  if (JSON.stringify(identity) !== JSON.stringify(held)) {
    mkdirSync(dataDir, { recursive: true })
    // No secret: scripts of other users tell by it where they are.
    writeFileSync(`${path}.new`, `${JSON.stringify(identity)}\n`, { mode: 0o644 })
    renameSync(`${path}.new`, path)
  }
  return identity.agentId
}

/**
 * What the agent on a data directory has found out of its machine, for scripts, which have no time to ask the cloud:
 * on a clone their reports else went to the machine that it was cloned from. None when it was on another machine.
 */
export function ownAliases(dataDir: string, aliases: readonly MachineAlias[]): MachineAlias[] {
  const held = read(pathIn(dataDir))
  if (held === undefined || isAnothers(held.boundTo, bindingOf(aliases))) return []
  const cloud = held.boundTo['cloud-instance-id']
  return [
    ...(cloud === undefined ? [] : [{ kind: 'cloud-instance-id' as const, value: cloud }]),
    { kind: 'agent-id', value: held.agentId },
  ]
}

const pathIn = (dataDir: string): string => join(dataDir, 'agent.json')

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
