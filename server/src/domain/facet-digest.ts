import { createHash } from 'node:crypto'
import { Struct } from '../../../proto/gen/google/protobuf/struct.ts'
import type { PackedAttributes } from './packed-attributes.ts'

/** How long a digest is: SHA-256. */
export const DIGEST_BYTES = 32

/** The digest of a facet's attributes, however they are encoded: SHA-256 of them as RFC 8785 writes JSON. */
export function facetDigest(attributes: PackedAttributes): Buffer {
  const value = Struct.unwrap(Struct.decode(attributes))
  return createHash('sha256').update(canonicalJson(value)).digest()
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const object = value as Record<string, unknown>
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`)
  return `{${members.join(',')}}`
}
