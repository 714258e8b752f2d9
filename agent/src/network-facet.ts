import { readdir } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import si from 'systeminformation'
import type { AttributeValue, ObservedFacet } from './facet-draft.ts'
import { FacetDraft } from './facet-draft.ts'
import { kernelText } from './kernel-file.ts'

/** An interface and its lasting addresses, in the kernel's order. */
export interface NetworkInterface {
  name: string
  mac: string
  ip4: string[]
  ip6: string[]
  state: string
}

/** The interfaces that belong to the machine itself, with the addresses that last. */
export async function observeNetwork(): Promise<ObservedFacet> {
  const draft = new FacetDraft('network')
  await draft.probe('interfaces', async () =>
    networkAttributes(process.platform === 'linux' ? await linuxInterfaces() : await otherInterfaces()),
  )
  return draft.finish()
}

/** The attributes of a list of interfaces, in order of name. */
export function networkAttributes(interfaces: readonly NetworkInterface[]): Record<string, AttributeValue> {
  const sorted = [...interfaces].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    'host.interfaces': sorted.map((one) => ({
      name: one.name,
      ...(one.mac === '' ? {} : { mac: one.mac }),
      ...(one.ip4[0] === undefined ? {} : { ip4: one.ip4[0] }),
      ...(one.ip6[0] === undefined ? {} : { ip6: one.ip6[0] }),
      ...(one.state === '' ? {} : { state: one.state }),
    })),
    'host.ip': unique(sorted.flatMap((one) => [...one.ip4, ...one.ip6])),
    'host.mac': unique(sorted.map((one) => one.mac).filter((mac) => mac !== '')),
  }
}

/**
 * Interfaces that container and virtual machine runtimes put up. They come and go with what runs, and
 * their addresses are the same on every machine.
 */
export function isRuntimeInterface(name: string): boolean {
  return /^(veth|cali|cilium|cni|flannel|docker|podman|br-|virbr|vnet|tap|lxc|lxd|kube|tunl|nodelocaldns|ifb|dummy)/.test(
    name,
  )
}

/**
 * Addresses of /proc/net/if_inet6 that do not last: temporary (privacy), tentative and deprecated ones, and
 * link-local ones, which say nothing that the MAC does not.
 */
export function passingAddresses(text: string): Set<string> {
  const passing = new Set<string>()
  for (const line of text.split('\n')) {
    const [address, , , scope, flags, name] = line.trim().split(/\s+/)
    if (address === undefined || flags === undefined || name === undefined) continue
    // IFA_F_TEMPORARY 0x01, IFA_F_DEPRECATED 0x20, IFA_F_TENTATIVE 0x40; scope 0x20 is link-local.
    if ((Number.parseInt(flags, 16) & 0x61) !== 0 || scope === '20') passing.add(`${name} ${address}`)
  }
  return passing
}

async function linuxInterfaces(): Promise<NetworkInterface[]> {
  // From the kernel, not systeminformation: it runs several blocking shell commands for each interface.
  const passing = passingAddresses((await kernelText('/proc/net/if_inet6')) ?? '')
  const addresses = networkInterfaces()
  const interfaces: NetworkInterface[] = []
  for (const name of await readdir('/sys/class/net')) {
    // `bonding_masters` is a file of the bonding driver's, not an interface.
    if (name === 'lo' || name === 'bonding_masters' || isRuntimeInterface(name)) continue
    const directory = `/sys/class/net/${name}`
    const mac = (await kernelText(`${directory}/address`)) ?? ''
    const own = addresses[name] ?? []
    interfaces.push({
      name,
      mac: /^(00:?)*$/.test(mac) ? '' : mac,
      ip4: own.filter((one) => one.family === 'IPv4').map((one) => one.address),
      ip6: own
        .filter((one) => one.family === 'IPv6' && !passing.has(`${name} ${expandIp6(one.address)}`))
        .map((one) => one.address),
      state: (await kernelText(`${directory}/operstate`)) ?? '',
    })
  }
  return interfaces
}

async function otherInterfaces(): Promise<NetworkInterface[]> {
  const found = await si.networkInterfaces()
  const list = Array.isArray(found) ? found : [found]
  return list
    .filter((one) => !one.internal && !isRuntimeInterface(one.iface))
    .map((one) => ({
      name: one.iface,
      mac: one.mac,
      ip4: one.ip4 === '' ? [] : [one.ip4],
      ip6: one.ip6 === '' || one.ip6.startsWith('fe80') ? [] : [one.ip6],
      state: one.operstate,
    }))
}

/** An IPv6 address as 32 hexadecimal digits, as /proc/net/if_inet6 writes it. */
export function expandIp6(address: string): string {
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const first = groups(head)
  const last = tail === undefined ? [] : groups(tail)
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0')
  return [...first, ...(tail === undefined ? [] : zeros), ...last]
    .map((group) => group.padStart(4, '0'))
    .join('')
}

function unique(values: string[]): string[] {
  return [...new Set(values)].sort()
}
