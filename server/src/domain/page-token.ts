import { createHash } from 'node:crypto'
import { HoldfastError } from './error.ts'

/** Where a page ended, so that the next one can begin there. */
export interface PagePosition {
  /** The revision that the first page was read at; pages after it are read at the same. */
  revision: bigint
  /** Whether the first page was read without a time or revision. */
  now: boolean
  /** The sort key of the last row, as text; its meaning is the listing's. */
  key: string[]
}

const VERSION = 1
const DIGEST_BYTES = 12
const MAX_TOKEN_LENGTH = 8192

/**
 * What makes two requests pages of one listing: the method, and every field but the page's size and token.
 * Anything may be in `parts` that JSON can say; bigints stand as text.
 */
export function queryFingerprint(method: string, parts: unknown): string {
  const text = JSON.stringify([method, parts], (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

/** An opaque token for the page after `position` of the query with this fingerprint. */
export function encodePageToken(fingerprint: string, { revision, now, key }: PagePosition): string {
  const content = Buffer.from(JSON.stringify([fingerprint, String(revision), now ? 1 : 0, ...key]))
  return Buffer.concat([Buffer.from([VERSION]), digest(content), content]).toString('base64url')
}

/**
 * Reads a token back. Throws PAGE_TOKEN_INVALID for garbage, a damaged token, or one of another query.
 * `keyLength` is how many parts the listing's key has.
 */
export function decodePageToken(token: string, fingerprint: string, keyLength: number): PagePosition {
  if (token.length > MAX_TOKEN_LENGTH || !/^[A-Za-z0-9_-]+$/.test(token)) throw notAToken()
  const bytes = Buffer.from(token, 'base64url')
  const content = bytes.subarray(1 + DIGEST_BYTES)
  if (bytes[0] !== VERSION || !digest(content).equals(bytes.subarray(1, 1 + DIGEST_BYTES))) throw notAToken()
  // The digest says that this server's code made the content, so its shape is known.
  const [query, revision, now, ...key] = JSON.parse(content.toString()) as [
    string,
    string,
    number,
    ...string[],
  ]
  if (query !== fingerprint || key.length !== keyLength) {
    throw new HoldfastError(
      'PAGE_TOKEN_INVALID',
      'page_token belongs to another query; repeat the filter, order and time of the first page, or start anew',
    )
  }
  return { revision: BigInt(revision), now: now === 1, key }
}

/**
 * Guards against damage and hand-made tokens, not against an attacker: a token gives nobody anything that the
 * caller could not ask for outright, so no secret is kept for it.
 */
function digest(content: Buffer): Buffer {
  return createHash('sha256').update('holdfast page token').update(content).digest().subarray(0, DIGEST_BYTES)
}

function notAToken(): HoldfastError {
  return new HoldfastError(
    'PAGE_TOKEN_INVALID',
    'page_token is not one that this server gave; take it from next_page_token, or leave it empty',
  )
}
