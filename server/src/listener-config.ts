import { createSecureContext } from 'node:tls'
import { ConfigError, messageOf, textOf } from './config-error.ts'
import { type BearerToken, parseTokenFile } from './transport/bearer-token.ts'
import { exposureRefusal } from './transport/exposure.ts'
import { isLoopback, splitAddress } from './transport/loopback.ts'

/** Who may call a listener, and how it is sure that nobody listens in. */
export interface ListenerConfig {
  tokens: BearerToken[] | undefined
  tls: { cert: Buffer; key: Buffer } | undefined
}

/** A setting as it was given, by the name that the reader of a violation knows it by. */
export interface Given {
  name: string
  value: string | undefined
}

/** What listeners are told, unchecked. */
export interface ListenerSettings {
  /** `host:port` each. */
  addresses: { name: string; value: string }[]
  tokenFile: Given
  certFile: Given
  keyFile: Given
  /** An address that needs neither TLS nor tokens. */
  example: string
}

/** Reads the files that the settings name. Adds what is wrong to `violations`, such as a listener open to everybody. */
export function readListener(settings: ListenerSettings, violations: string[]): ListenerConfig {
  const { addresses, tokenFile, certFile, keyFile, example } = settings
  const tokens = tokensOf(tokenFile, violations)
  const tls = tlsOf(certFile, keyFile, violations)
  for (const { name, value } of addresses) {
    const host = splitAddress(value)?.host
    if (host === undefined) {
      violations.push(`${name}: ${JSON.stringify(value)} is not HOST:PORT, such as ${example}`)
    } else if (!isLoopback(host) && (tls === undefined || tokens === undefined)) {
      const needed = [certFile.name, keyFile.name, tokenFile.name] as const
      violations.push(`${name}: ${exposureRefusal(value, { needed, example })}`)
    }
  }
  return { tokens, tls }
}

/** What a relay's listener is told by flags. Throws a ConfigError with every violation. */
export function relayListenerConfig(flags: {
  listen: string
  callerTokenFile?: string
  tlsCertFile?: string
  tlsKeyFile?: string
}): ListenerConfig & { address: string } {
  const violations: string[] = []
  const { listen: address, callerTokenFile, tlsCertFile, tlsKeyFile } = flags
  const listener = readListener(
    {
      addresses: [{ name: '--listen', value: address }],
      tokenFile: { name: '--caller-token-file', value: callerTokenFile },
      certFile: { name: '--tls-cert-file', value: tlsCertFile },
      keyFile: { name: '--tls-key-file', value: tlsKeyFile },
      example: '127.0.0.1:7422',
    },
    violations,
  )
  if (violations.length > 0) throw new ConfigError(violations)
  return { address, ...listener }
}

function tokensOf({ name, value: path }: Given, violations: string[]): BearerToken[] | undefined {
  const text = path === undefined ? undefined : textOf(name, path, violations)
  if (text === undefined) return undefined
  try {
    return parseTokenFile(text.toString('utf8'))
  } catch (error) {
    violations.push(`${name}: ${path}: ${messageOf(error)}`)
    return undefined
  }
}

function tlsOf(certFile: Given, keyFile: Given, violations: string[]): ListenerConfig['tls'] {
  if (certFile.value === undefined && keyFile.value === undefined) return undefined
  const both = `${certFile.name} and ${keyFile.name}`
  if (certFile.value === undefined || keyFile.value === undefined) {
    violations.push(`${both} go together: set both or neither`)
    return undefined
  }
  const cert = textOf(certFile.name, certFile.value, violations)
  const key = textOf(keyFile.name, keyFile.value, violations)
  if (cert === undefined || key === undefined) return undefined
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    violations.push(`${both}: ${messageOf(error)}`)
    return undefined
  }
  return { cert, key }
}
