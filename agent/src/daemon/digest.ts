import { createHash } from 'node:crypto'
import type { AttributeValue } from '../facet-draft.ts'
import type { ProcessObservation } from '../observed-process.ts'

/** What tells two looks at the processes apart: all but their memory, which always differs. */
export const scanDigest = (seen: ProcessObservation): string =>
  createHash('sha256')
    .update(
      JSON.stringify({ ...seen, processes: seen.processes.map((one) => ({ ...one, residentBytes: 0 })) }),
    )
    .digest('base64')

/** What a facet is proven by: SHA-256 of its attributes as RFC 8785 writes JSON. The server works out the same. */
export const facetDigest = (attributes: Record<string, AttributeValue>): Buffer =>
  createHash('sha256').update(canonicalJson(attributes)).digest()

function canonicalJson(value: AttributeValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key]!)}`)
  return `{${members.join(',')}}`
}
