import { Alias_Kind, type MachineRef } from '../../proto/gen/holdfast/v1/machine.ts'

/**
 * Where a key of a machine comes from. Kinds up to `agent-id` are strong: they match a machine. `hostname` and
 * later are weak: they are kept, and never match on their own.
 */
export type AliasKind =
  | 'cloud-instance-id'
  | 'hardware-uuid'
  | 'machine-id'
  | 'chef-guid'
  | 'certname'
  | 'agent-id'
  | 'hostname'
  | 'fqdn'
  | 'ip-address'

/** Names a machine: by its id, by keys, or both. One of `id` and a strong alias is required. */
export interface MachineRefInput {
  /** Such as `web-0` or `machines/web-0`. */
  id?: string | undefined
  /** At most 32. */
  aliases?: readonly { kind: AliasKind; value: string }[] | undefined
}

/** A machine's id, or a reference. */
export type MachineInput = string | MachineRefInput

const aliasKinds: Record<AliasKind, Alias_Kind> = {
  'cloud-instance-id': Alias_Kind.CLOUD_INSTANCE_ID,
  'hardware-uuid': Alias_Kind.HARDWARE_UUID,
  'machine-id': Alias_Kind.MACHINE_ID,
  'chef-guid': Alias_Kind.CHEF_GUID,
  certname: Alias_Kind.CERTNAME,
  'agent-id': Alias_Kind.AGENT_ID,
  hostname: Alias_Kind.HOSTNAME,
  fqdn: Alias_Kind.FQDN,
  'ip-address': Alias_Kind.IP_ADDRESS,
}

/** The reference as the protocol carries it. */
export function machineRef(input: MachineInput): MachineRef {
  if (typeof input === 'string') return { id: idOf('machines', input), aliases: [] }
  const aliases = (input.aliases ?? []).map(({ kind, value }) => ({ kind: aliasKinds[kind], value }))
  return { id: idOf('machines', input.id ?? ''), aliases }
}

/** The id in a resource name: `web-0` of `machines/web-0` and of `web-0`. */
export function idOf(collection: string, name: string): string {
  return name.startsWith(`${collection}/`) ? name.slice(collection.length + 1) : name
}

/** The resource name of an id: `machines/web-0` of `web-0` and of `machines/web-0`. */
export function nameOf(collection: string, id: string): string {
  return id.startsWith(`${collection}/`) ? id : `${collection}/${id}`
}
