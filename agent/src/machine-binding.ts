import type { MachineAlias } from './machine-identity.ts'

/** What something on a disk belongs to: what its machine is known by, and a copy of the disk elsewhere is not. */
export type MachineBinding = Record<string, string>

const BINDING: readonly MachineAlias['kind'][] = ['cloud-instance-id', 'hardware-uuid', 'machine-id']

export function bindingOf(aliases: readonly MachineAlias[]): MachineBinding {
  const bound = aliases.filter(({ kind }) => BINDING.includes(kind))
  return Object.fromEntries(bound.map(({ kind, value }) => [kind, value]))
}

/** Whether what is bound so belongs to another machine than the one that is known so now. */
export const isAnothers = (boundTo: MachineBinding, now: MachineBinding): boolean =>
  Object.entries(boundTo).some(([kind, value]) => (now[kind] ?? value) !== value)
