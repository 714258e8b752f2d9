import { type Alias, Alias_Kind, type MachineRef } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { textViolation } from '../resource-name.ts'
import { objectOf, textOf } from './json-field.ts'

/** How a message names its machine: by the node's name and uuid, and by what Ohai found of its other keys. */
export function nodeIdentity(
  { machineId, guid }: { machineId: string; guid: string },
  automatic: unknown,
): MachineRef {
  const ohai = objectOf(automatic)
  const values: [Alias['kind'], string][] = [
    [Alias_Kind.CLOUD_INSTANCE_ID, cloudInstance(ohai.ec2)],
    [Alias_Kind.MACHINE_ID, isContainer(ohai.virtualization) ? '' : platformId(ohai.machine_id)],
    [Alias_Kind.CHEF_GUID, guid],
    [Alias_Kind.HOSTNAME, textOf(ohai.hostname)],
    [Alias_Kind.FQDN, textOf(ohai.fqdn)],
    [Alias_Kind.IP_ADDRESS, textOf(ohai.ipaddress)],
  ]
  const aliases = values
    .filter(([, value]) => textViolation('', value, { minBytes: 1, maxBytes: 256 }) === undefined)
    .map(([kind, value]): Alias => ({ kind, value }))
  return { id: machineId, aliases }
}

/** As the agent writes it: a key must be spelt the same, whoever tells it. */
function platformId(value: unknown): string {
  const id = textOf(value).trim().toLowerCase().replaceAll('-', '')
  return /^[0-9a-f]{32}$/.test(id) && !/^(.)\1*$/.test(id) ? id : ''
}

/** Containers of one image share its machine-id, and a strong alias would make them one machine. */
const isContainer = (virtualization: unknown): boolean => {
  const { system, role } = objectOf(virtualization)
  return role === 'guest' && /^(docker|podman|lxc|lxd|containerd|systemd-nspawn)$/.test(textOf(system))
}

function cloudInstance(value: unknown): string {
  const ec2 = objectOf(value)
  const account = textOf(ec2.account_id)
  const zone = textOf(ec2.placement_availability_zone)
  const instance = textOf(ec2.instance_id)
  if (account === '' || !/^[a-z0-9-]+[a-z]$/.test(zone) || !instance.startsWith('i-')) return ''
  return `aws:${account}/${zone.slice(0, -1)}/${instance}`
}
