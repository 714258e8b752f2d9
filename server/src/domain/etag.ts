import { HoldfastError } from './error.ts'

/** Throws ETAG_MISMATCH unless a resource is as its writer read it. An empty etag is that of a writer who does not mind. */
export function requireEtag({ name, etag }: { name: string; etag: string }, read: string): void {
  if (read === '' || read === etag) return
  throw new HoldfastError(
    'ETAG_MISMATCH',
    `${name} has changed since you read it (etag is ${etag}, not ${read}); read it again and decide anew`,
    { metadata: { resource: name, etag } },
  )
}
