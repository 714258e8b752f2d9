import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { hostname } from 'node:os'

/** A key by which a machine is known. Kinds as in the SDK. */
export interface MachineAlias {
  kind: 'cloud-instance-id' | 'agent-id' | 'machine-id' | 'hardware-uuid' | 'hostname' | 'fqdn' | 'ip-address'
  value: string
}

/** How this machine names itself. */
export interface MachineIdentity {
  id: string
  aliases: MachineAlias[]
}

/** What only a slower look at the machine tells. */
export interface NetworkNames {
  fqdn?: string | undefined
  addresses?: readonly string[] | undefined
}

/**
 * This machine's id and its strong keys: what a start script needs, from small files. Synchronous and without further
 * imports, so that `holdfast started` stays fast.
 */
export function localMachine(id: string = machineIdFromHostname(hostname())): MachineIdentity {
  const aliases: MachineAlias[] = []
  const machineId = readMachineId()
  if (machineId !== undefined) aliases.push({ kind: 'machine-id', value: machineId })
  const uuid = readHardwareUuid()
  if (uuid !== undefined) aliases.push({ kind: 'hardware-uuid', value: uuid })
  return { id, aliases }
}

/** This machine's id and every key that it is known by. */
export function machineIdentity(names: NetworkNames = {}, id?: string): MachineIdentity {
  const identity = localMachine(id)
  const { aliases } = identity
  aliases.push({ kind: 'hostname', value: hostname().slice(0, 256) })
  if (names.fqdn !== undefined) aliases.push({ kind: 'fqdn', value: names.fqdn })
  // A reference holds at most 32 aliases.
  const room = 32 - aliases.length
  for (const value of (names.addresses ?? []).slice(0, room)) aliases.push({ kind: 'ip-address', value })
  return identity
}

/**
 * The host name up to its first dot, in lower case, with what ids may not hold replaced by `-`, cut at 128.
 * A name with nothing usable in it becomes `localhost`.
 */
export function machineIdFromHostname(name: string): string {
  const short = name.trim().toLowerCase().split('.')[0] ?? ''
  const id = short
    .replace(/[^a-z0-9_@+-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 128)
  return id === '' ? 'localhost' : id
}

/** The value if it can name one machine; undefined for what images and firmware ship unset. */
export function usableMachineId(text: string): string | undefined {
  const value = text.trim().toLowerCase().replaceAll('-', '')
  return /^[0-9a-f]{32}$/.test(value) && !/^(.)\1*$/.test(value) ? value : undefined
}

/** The UUID if it can name one machine; undefined for the placeholders that boards are sold with. */
export function usableHardwareUuid(text: string): string | undefined {
  const value = text.trim().toLowerCase()
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) return undefined
  if (/^(.)\1*$/.test(value.replaceAll('-', ''))) return undefined
  return PLACEHOLDER_UUIDS.has(value) ? undefined : value
}

const PLACEHOLDER_UUIDS = new Set([
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  'fefefefe-fefe-fefe-fefe-fefefefefefe',
])

function readMachineId(): string | undefined {
  // All containers of one image share its machine-id, and a strong alias would make them one machine.
  if (insideApplicationContainer()) return undefined
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const value = usableMachineId(readText(path) ?? '')
    if (value !== undefined) return value
  }
  return undefined
}

function readHardwareUuid(): string | undefined {
  // In any container this is the host's.
  if (insideContainer()) return undefined
  return usableHardwareUuid(readText('/sys/class/dmi/id/product_uuid') ?? '')
}

// PROC_PID_INIT_INO of include/linux/proc_ns.h. Marker files alone do not tell: a virtual machine whose
// disk was made from a container image has them too.
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'

function insideContainer(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') !== INITIAL_PID_NAMESPACE
  } catch {
    return false
  }
}

function insideApplicationContainer(): boolean {
  if (!insideContainer()) return false
  if (process.env.KUBERNETES_SERVICE_HOST !== undefined) return true
  return exists('/.dockerenv') || exists('/run/.containerenv')
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
