import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Three places in a row: the isolated machine, the relay, and this host with the server. */
export interface IsolatedNetwork extends AsyncDisposable {
  /** Address of this host, as the relay sees it. */
  serverHost: string
  /** Address of the relay, as the isolated machine sees it. */
  relayHost: string
  /** The start of a command that runs there. */
  inIsolated: string[]
  inRelay: string[]
}

/** Makes two network namespaces of which only the second has a way to this host. Throws when that needs more rights. */
export function isolatedNetwork(): IsolatedNetwork {
  const id = process.pid % 100_000
  const [isolated, relay] = [`hf-isolated-${id}`, `hf-relay-${id}`]
  // A block of its own for each process, out of those for benchmarks (RFC 2544).
  const block = `198.18.${id % 256}`
  const made: string[][] = []
  const undo = async () => {
    for (const args of made.reverse()) spawnSync('ip', args)
  }
  const ip = (line: string, undoing?: string) => {
    const { status, stderr } = spawnSync('ip', line.split(' '), { encoding: 'utf8' })
    if (status !== 0) {
      void undo()
      throw new Error(`ip ${line}: ${stderr}`)
    }
    if (undoing !== undefined) made.push(undoing.split(' '))
  }
  for (const name of [isolated, relay]) {
    ip(`netns add ${name}`, `netns del ${name}`)
    ip(`-n ${name} link set lo up`)
  }
  // An observation leaves out what is called so: it comes and goes while other tests look at this host.
  ip(`link add veth-hfs${id} type veth peer name veth-hfr${id} netns ${relay}`, `link del veth-hfs${id}`)
  ip(`addr add ${block}.1/30 dev veth-hfs${id}`)
  ip(`link set veth-hfs${id} up`)
  ip(`-n ${relay} addr add ${block}.2/30 dev veth-hfr${id}`)
  ip(`-n ${relay} link set veth-hfr${id} up`)
  ip(`-n ${relay} link add veth-hfd${id} type veth peer name veth-hfi${id} netns ${isolated}`)
  ip(`-n ${relay} addr add ${block}.5/30 dev veth-hfd${id}`)
  ip(`-n ${relay} link set veth-hfd${id} up`)
  ip(`-n ${isolated} addr add ${block}.6/30 dev veth-hfi${id}`)
  ip(`-n ${isolated} link set veth-hfi${id} up`)
  return {
    serverHost: `${block}.1`,
    relayHost: `${block}.5`,
    inIsolated: ['netns', 'exec', isolated],
    inRelay: ['netns', 'exec', relay],
    [Symbol.asyncDispose]: undo,
  }
}

/** A certificate that signs itself, for addresses. Gives the paths of certificate and key. */
export function certificateFor(directory: string, hosts: readonly string[]): { cert: string; key: string } {
  mkdirSync(directory, { recursive: true })
  const [cert, key] = [join(directory, 'tls.crt'), join(directory, 'tls.key')]
  const names = hosts.map((host) => `IP:${host}`).join(',')
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=holdfast-test', '-addext', `subjectAltName=${names}`],
      ...['-keyout', key, '-out', cert],
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
  return { cert, key }
}
