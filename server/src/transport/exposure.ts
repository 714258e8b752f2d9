import { type BearerToken, bearerTokenAuthentication, loopbackAuthentication } from './bearer-token.ts'
import { isLoopback, splitAddress } from './loopback.ts'
import type { Authenticate } from './open-call.ts'

export interface Exposure {
  /** `host:port`. */
  address: string
  tls?: object | undefined
  tokens?: BearerToken[] | undefined
}

/** How a listener knows its callers. Throws when its address is beyond loopback and TLS or tokens are missing. */
export function authentication({ address, tls, tokens }: Exposure): Authenticate {
  const host = splitAddress(address)?.host
  if (host === undefined) throw new Error(`${address} is not host:port`)
  if (!isLoopback(host) && (tls === undefined || tokens === undefined))
    throw new Error(exposureRefusal(address))
  return tokens === undefined ? loopbackAuthentication : bearerTokenAuthentication(tokens)
}

/** What to do about an address beyond loopback without TLS and tokens. */
export function exposureRefusal(address: string): string {
  return (
    `${address} can be reached from other machines, which needs both TLS and a token: set HOLDFAST_TLS_CERT_FILE, ` +
    'HOLDFAST_TLS_KEY_FILE and HOLDFAST_TOKEN_FILE, or listen on loopback, such as 127.0.0.1:7420'
  )
}
