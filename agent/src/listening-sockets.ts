import { readdir, readlink } from 'node:fs/promises'
import { kernelText } from './kernel-file.ts'

/** Which process listens where. */
export interface ListeningPorts {
  /** Ports by pid, ascending. */
  byPid: Map<number, number[]>
  /** Ports, ascending, whose process may be one that this user may not look into. */
  unclaimed: number[]
}

/**
 * Finds the ports that processes listen on, in every network namespace that they live in. Processes that end
 * meanwhile are passed over.
 */
export async function listeningPorts(pids: readonly number[]): Promise<ListeningPorts> {
  const portOf = await socketsOf(pids)
  const byPid = new Map<number, number[]>()
  const unclaimed = new Map(portOf)
  let denied = false
  if (portOf.size > 0) {
    for (const pid of pids) {
      const inodes = await openSockets(pid)
      if (inodes === 'denied') denied = true
      else {
        const ports = new Set<number>()
        for (const inode of inodes) {
          const port = portOf.get(inode)
          if (port === undefined) continue
          ports.add(port)
          unclaimed.delete(inode)
        }
        if (ports.size > 0) byPid.set(pid, ascending(ports))
      }
    }
  }
  // A socket that nobody holds is the kernel's own (NFS), unless somebody could not be asked.
  return { byPid, unclaimed: denied ? ascending(new Set(unclaimed.values())) : [] }
}

const ascending = (ports: ReadonlySet<number>): number[] => [...ports].sort((a, b) => a - b)

/** Ports by inode of a table such as /proc/net/tcp: listening TCP sockets, and UDP sockets with no peer. */
export function parseSocketTable(text: string, protocol: 'tcp' | 'udp'): Map<string, number> {
  const listening = protocol === 'tcp' ? '0A' : '07'
  const ports = new Map<string, number>()
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    const [, local, remote, state] = fields
    const inode = fields[9]
    if (local === undefined || remote === undefined || inode === undefined || inode === '0') continue
    if (state !== listening || !remote.endsWith(':0000')) continue
    const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)
    if (port > 0) ports.set(inode, port)
  }
  return ports
}

async function socketsOf(pids: readonly number[]): Promise<Map<string, number>> {
  const portOf = new Map<string, number>()
  const namespaces = new Set<string>()
  const tables = [
    ['tcp', 'tcp'],
    ['tcp6', 'tcp'],
    ['udp', 'udp'],
    ['udp6', 'udp'],
  ] as const
  // This process first: others' namespaces cannot be named without rights, and are mostly this one.
  for (const pid of ['self', ...pids]) {
    const namespace = await linkText(`/proc/${pid}/ns/net`)
    if (namespace === undefined || namespaces.has(namespace)) continue
    for (const [file, protocol] of tables) {
      const text = await kernelText(`/proc/${pid}/net/${file}`).catch(() => undefined)
      for (const [inode, port] of parseSocketTable(text ?? '', protocol)) portOf.set(inode, port)
    }
    // A process that ended meanwhile has shown some tables or none: the next one of its namespace shows them all.
    if ((await linkText(`/proc/${pid}/ns/net`)) === namespace) namespaces.add(namespace)
  }
  return portOf
}

async function openSockets(pid: number): Promise<string[] | 'denied'> {
  const directory = `/proc/${pid}/fd`
  try {
    const descriptors = await readdir(directory)
    const links = await Promise.all(
      descriptors.map((descriptor) => socketInode(`${directory}/${descriptor}`)),
    )
    return links.filter((inode) => inode !== undefined)
  } catch (error) {
    if (isDenied(error)) return 'denied'
    return []
  }
}

/** Rejects when this user may not know: some processes show the names of their descriptors only. */
async function socketInode(path: string): Promise<string | undefined> {
  try {
    return /^socket:\[(\d+)\]$/.exec(await readlink(path))?.[1]
  } catch (error) {
    if (isDenied(error)) throw error
    return undefined
  }
}

function isDenied(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'EACCES' || code === 'EPERM'
}

async function linkText(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}
