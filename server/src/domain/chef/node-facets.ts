import { hideSecrets } from '../../../../runtime/hide-secrets.ts'
import { countOf, type JsonObject, objectOf, textOf, textsOf } from './json-field.ts'

/** One side of a machine, as its node object tells it. */
export interface NodeFacet {
  facet: string
  attributes: Record<string, unknown>
  complete: boolean
}

const MAX_PACKAGES = 5000
const MAX_LISTED = 500

/**
 * What is kept of a node object: these attributes of `automatic`, by OpenTelemetry's names, and nothing else.
 * `default`, `normal` and `override` often hold credentials, Ohai's `ec2.userdata` does, and what a plugin adds
 * may; figures that move by themselves would make a change of every converge.
 *
 * Hardware, system and network are told in part: an agent on the machine may tell more of them.
 */
export function nodeFacets(body: JsonObject): NodeFacet[] {
  const node = objectOf(body.node)
  const ohai = objectOf(node.automatic)
  const facets: NodeFacet[] = [
    { facet: 'hardware', attributes: hardware(ohai), complete: false },
    { facet: 'os', attributes: system(ohai), complete: false },
    { facet: 'network', attributes: network(ohai), complete: false },
    { facet: 'cloud', attributes: cloud(ohai), complete: false },
    { facet: 'packages', attributes: packages(ohai), complete: true },
    { facet: 'chef', attributes: chef(body, node, ohai), complete: true },
  ]
  return facets
    .map((one) => ({ ...one, attributes: told(one.attributes) }))
    .filter(({ attributes }) => Object.keys(attributes).length > 0)
}

/** The name of the environment that a node is in; empty for Chef's `_default`, which means none. */
export function chefEnvironment(body: JsonObject): string {
  const name = textOf(objectOf(body.node).chef_environment) || textOf(body.policy_group)
  return name === '_default' ? '' : name
}

/** In order of their names, without what is not told. */
function told(attributes: JsonObject): Record<string, unknown> {
  const isTold = (value: unknown): boolean =>
    value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
  const names = Object.keys(attributes).sort()
  return Object.fromEntries(
    names.filter((name) => isTold(attributes[name])).map((name) => [name, attributes[name]]),
  )
}

function hardware(ohai: JsonObject): JsonObject {
  const cpu = objectOf(ohai.cpu)
  const first = objectOf(cpu['0'])
  const dmi = objectOf(objectOf(ohai.dmi).system)
  const disks = diskList(ohai.block_device)
  return {
    'host.cpu.logical.count': countOf(cpu.total),
    'host.cpu.physical.count': countOf(cpu.cores),
    'host.cpu.model.name': textOf(cpu.model_name) || textOf(first.model_name),
    'host.cpu.vendor.id': textOf(cpu.vendor_id) || textOf(first.vendor_id),
    'host.memory.size': kibibytes(objectOf(ohai.memory).total),
    ...(disks.length > 0 && {
      'host.disk.count': disks.length,
      'host.disk.size': disks.reduce((sum, { size }) => sum + size, 0),
      'host.disks': disks,
    }),
    'hw.vendor': textOf(dmi.manufacturer),
    'hw.model': textOf(dmi.product_name),
    'hw.serial_number': textOf(dmi.serial_number),
  }
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', i686: 'x86' }

function system(ohai: JsonObject): JsonObject {
  const kernel = objectOf(ohai.kernel)
  const machine = textOf(kernel.machine)
  const platform = textOf(ohai.platform)
  const version = textOf(ohai.platform_version)
  return {
    'os.type': textOf(ohai.os),
    'os.name': platform,
    'os.version': version,
    'os.description': textOf(objectOf(ohai.lsb).description) || `${platform} ${version}`.trim(),
    'os.kernel.release': textOf(kernel.release),
    'host.arch': Object.hasOwn(ARCHITECTURES, machine) ? ARCHITECTURES[machine] : machine,
    'host.name': textOf(ohai.hostname),
    'host.fqdn': textOf(ohai.fqdn),
  }
}

function network(ohai: JsonObject): JsonObject {
  const interfaces = Object.entries(objectOf(objectOf(ohai.network).interfaces))
    .filter(([name]) => name !== 'lo' && !isRuntimeInterface(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MAX_LISTED)
    .map(([name, value]) => {
      const found = Object.entries(objectOf(objectOf(value).addresses)).map(([address, entry]) => ({
        address,
        ...objectOf(entry),
      })) as { address: string; family?: unknown; scope?: unknown }[]
      const of = (family: string): string[] =>
        found.filter((one) => one.family === family && one.scope !== 'Link').map(({ address }) => address)
      return { name, mac: of('lladdr')[0]?.toLowerCase(), ip: [...of('inet'), ...of('inet6')] }
    })
  return {
    'host.interfaces': interfaces.map(({ name, mac, ip }) => told({ name, mac, ip: ip[0] })),
    'host.ip': [...new Set(interfaces.flatMap(({ ip }) => ip))].sort(),
    'host.mac': [...new Set(interfaces.flatMap(({ mac }) => mac ?? []))].sort(),
  }
}

function cloud(ohai: JsonObject): JsonObject {
  const ec2 = objectOf(ohai.ec2)
  const provider = textOf(objectOf(ohai.cloud).provider)
  return {
    'cloud.provider': provider === 'ec2' ? 'aws' : provider,
    'cloud.account.id': textOf(ec2.account_id),
    'cloud.availability_zone': textOf(ec2.placement_availability_zone),
    'host.id': textOf(ec2.instance_id),
    'host.type': textOf(ec2.instance_type),
    'host.image.id': textOf(ec2.ami_id),
  }
}

function packages(ohai: JsonObject): JsonObject {
  const installed = Object.entries(objectOf(ohai.packages)).slice(0, MAX_PACKAGES)
  return Object.fromEntries(installed.map(([name, one]) => [name, textOf(objectOf(one).version)]))
}

function chef(body: JsonObject, node: JsonObject, ohai: JsonObject): JsonObject {
  const tools = objectOf(ohai.chef_packages)
  const runList = textsOf(body.run_list).length > 0 ? textsOf(body.run_list) : textsOf(node.run_list)
  const cookbooks = Object.entries(objectOf(body.cookbooks ?? ohai.cookbooks)).slice(0, MAX_LISTED)
  return {
    'chef.version': textOf(objectOf(tools.chef).version),
    'chef.ohai.version': textOf(objectOf(tools.ohai).version),
    'chef.environment': textOf(node.chef_environment),
    'chef.organization': textOf(body.organization_name),
    'chef.server': textOf(body.chef_server_fqdn),
    'chef.policy.name': textOf(body.policy_name),
    'chef.policy.group': textOf(body.policy_group),
    'chef.policy.revision': textOf(body.policy_revision),
    'chef.run_list': runList.slice(0, MAX_LISTED).map((item) => hideSecrets(item)),
    'chef.roles': textsOf(ohai.roles).slice(0, MAX_LISTED),
    'chef.recipes': textsOf(ohai.recipes).slice(0, MAX_LISTED),
    'chef.cookbooks': cookbooks
      .map(([name, one]) => `${name} ${textOf(objectOf(one).version)}`.trim())
      .sort(),
  }
}

function diskList(value: unknown): { name: string; size: number; type?: string; vendor?: string }[] {
  return Object.entries(objectOf(value))
    .filter(([name]) => !/^(loop|ram|zram|dm-|md|sr|fd|nbd|rbd|zd|drbd)/.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MAX_LISTED)
    .flatMap(([name, entry]) => {
      const device = objectOf(entry)
      // Always in units of 512 bytes, whatever the device's own sectors are.
      const size = (countOf(device.size) ?? 0) * 512
      if (size === 0) return []
      const type = name.startsWith('nvme') ? 'NVMe' : device.rotational === '0' ? 'SSD' : 'HDD'
      const vendor = textOf(device.vendor)
      return [{ name, size, type, ...(vendor !== '' && { vendor }) }]
    })
}

/** Interfaces that come and go with what runs, as the agent leaves them out. */
const isRuntimeInterface = (name: string): boolean =>
  /^(veth|cali|cilium|cni|flannel|docker|podman|br-|virbr|vnet|tap|lxc|lxd|kube|tunl|nodelocaldns|ifb|dummy)/.test(
    name,
  )

/** Bytes of Ohai's `3689604kB`. */
function kibibytes(value: unknown): number | undefined {
  const text = /^(\d{1,12})kB$/.exec(textOf(value))?.[1]
  return text === undefined ? undefined : Number(text) * 1024
}
