/** Where to dial, as grpc-js wants it. */
export interface Address {
  /** A gRPC target. */
  target: string
  /** The address as people know it, for messages. */
  text: string
  /** True when nothing leaves this machine. */
  local: boolean
}

const defaultPort = 7420
const schemes = /^(dns|ipv4|ipv6|unix|unix-abstract|xds):/
const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/

/**
 * Reads an address in any of its forms.
 *
 * @throws TypeError when it is none, with what would do.
 */
export function parseAddress(text: string): Address {
  const scheme = schemes.exec(text)?.[1]
  if (scheme !== undefined) return schemed(text, scheme)
  if (text === '' || /[\s/]/.test(text)) {
    throw new TypeError(
      `address ${JSON.stringify(text)} is not of the form host:port, dns:///host:port or unix:/path`,
    )
  }
  const [host, port] = hostAndPort(text)
  const bracketed = host.includes(':') ? `[${host}]` : host
  return { target: `dns:${bracketed}:${port}`, text: `${bracketed}:${port}`, local: loopback.test(host) }
}

function schemed(text: string, scheme: string): Address {
  if (scheme.startsWith('unix')) return { target: text, text, local: true }
  const endpoints = text.slice(scheme.length + 1).replace(/^\/\/[^/]*\//, '')
  const local = endpoints.split(',').every((endpoint) => loopback.test(hostAndPort(endpoint)[0]))
  return { target: text, text: endpoints, local }
}

function hostAndPort(text: string): [host: string, port: number] {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text)
  if (bracketed) return [bracketed[1]!, portOf(text, bracketed[2])]
  const colons = text.split(':').length - 1
  if (colons > 1) return [text, defaultPort]
  const [host, port] = text.split(':')
  if (!host) throw new TypeError(`address ${JSON.stringify(text)} has no host`)
  return [host, portOf(text, port)]
}

function portOf(text: string, port: string | undefined): number {
  if (port === undefined) return defaultPort
  const number = Number(port)
  if (!/^\d+$/.test(port) || number < 1 || number > 65535) {
    throw new TypeError(`address ${JSON.stringify(text)} has no port between 1 and 65535`)
  }
  return number
}
