import { createHash, timingSafeEqual } from 'node:crypto'
import type { Metadata } from '@grpc/grpc-js'
import { HoldfastError } from '../domain/error.ts'
import type { Authenticate } from './open-call.ts'

/** A token that lets its bearer in, under the principal's name. */
export interface BearerToken {
  principal: string
  token: string
}

const principalPattern = /^[\x21-\x7e]{1,256}$/

/**
 * Reads a token file: one token a line, as `name:token` or `token` alone, whose principal is then `token`.
 * Blank lines and lines that begin with `#` are skipped. Throws an Error that names the line, never the token.
 */
export function parseTokenFile(text: string): BearerToken[] {
  const tokens: BearerToken[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    const principal = colon === -1 ? 'token' : line.slice(0, colon)
    const token = line.slice(colon + 1)
    if (!principalPattern.test(principal) || !/^[\x21-\x7e]+$/.test(token)) {
      throw new Error(
        `line ${index + 1} is neither "name:token" nor "token" in printable text without spaces`,
      )
    }
    if (tokens.some((other) => other.token === token)) {
      throw new Error(`line ${index + 1} repeats the token of an earlier line`)
    }
    tokens.push({ principal, token })
  }
  if (tokens.length === 0) throw new Error('it holds no token; put one on a line, as "name:token" or "token"')
  return tokens
}

/** Lets in who brings one of the tokens in `authorization: Bearer …`. */
export function bearerTokenAuthentication(tokens: BearerToken[]): Authenticate {
  // Digests are of one length, so that comparing them takes one time, whatever was sent.
  const known = tokens.map(({ principal, token }) => ({ principal, digest: digest(token) }))
  return (metadata) => {
    const header = metadata.get('authorization')[0]
    const match = typeof header === 'string' ? /^Bearer +(\S+)$/i.exec(header) : null
    if (match === null) throw unauthenticated('no bearer token was sent')
    const sent = digest(match[1]!)
    let principal: string | undefined
    for (const entry of known) if (timingSafeEqual(entry.digest, sent)) principal = entry.principal
    if (principal === undefined) throw unauthenticated('the bearer token is not one that this server knows')
    return principal
  }
}

/** For a server that only this machine can reach: the caller is who it says it is. */
export function loopbackAuthentication(metadata: Metadata): string {
  const claimed = metadata.get('holdfast-principal')[0]
  if (claimed === undefined) return 'anonymous@loopback'
  if (typeof claimed === 'string' && principalPattern.test(claimed)) return claimed
  throw unauthenticated('holdfast-principal is not 1 to 256 bytes of printable text without spaces')
}

/** For services that are open to everyone, such as health. */
export function noAuthentication(): string {
  return 'anonymous'
}

function unauthenticated(why: string): HoldfastError {
  const hint = 'set HOLDFAST_TOKEN or HOLDFAST_TOKEN_FILE at the client to a token of the server'
  return new HoldfastError('UNAUTHENTICATED', `${why}; ${hint}`)
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
