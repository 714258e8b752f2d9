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

/** What to do about a listener: the names of what it needs, and an address where it needs none of them. */
export interface ExposureAdvice {
  needed: readonly [certFile: string, keyFile: string, tokenFile: string]
  example: string
}

const serverAdvice: ExposureAdvice = {
  needed: ['HOLDFAST_TLS_CERT_FILE', 'HOLDFAST_TLS_KEY_FILE', 'HOLDFAST_TOKEN_FILE'],
  example: '127.0.0.1:7420',
}

/** What to do about an address beyond loopback without TLS and tokens. */
export function exposureRefusal(address: string, { needed, example }: ExposureAdvice = serverAdvice): string {
  const [certFile, keyFile, tokenFile] = needed
  return (
    `${address} can be reached from other machines, which needs both TLS and a token: ` +
    `set ${certFile}, ${keyFile} and ${tokenFile}, or listen on loopback, such as ${example}`
  )
}
