import { InvalidRequestError } from '../errors.ts'

declare const fencingTokenBrand: unique symbol

/**
 * The revision at which a lock was granted. Rises with each grant, for ever: a resource that keeps the highest
 * one it saw can refuse whoever comes with a lower one. A `bigint` that does not mix with revisions.
 */
export type FencingToken = bigint & { readonly [fencingTokenBrand]: 'FencingToken' }

/** What a fence says: which grant, of which ledger. */
export interface FenceParts {
  ledgerEpoch: bigint
  fencingToken: FencingToken
  /** `locks/{id}` */
  lock: string
}

/** The text of a fence, as it is handed to a child process in `HOLDFAST_FENCE`: `{epoch}:{token}:{lock id}`. */
export function fenceText({ ledgerEpoch, fencingToken, lock }: FenceParts): string {
  return `${ledgerEpoch}:${fencingToken}:${lock.slice(lock.lastIndexOf('/') + 1)}`
}

/** @throws InvalidRequestError when the text is no fence. */
export function parseFence(text: string): FenceParts {
  const parts = /^(\d{1,20}):(\d{1,20}):([^:/\s]+)$/.exec(text)
  if (parts === null) {
    throw new InvalidRequestError(`"${text}" is no fence: it is {epoch}:{token}:{lock id}`, {
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
    })
  }
  const [, epoch, token, id] = parts
  return { ledgerEpoch: BigInt(epoch!), fencingToken: BigInt(token!) as FencingToken, lock: `locks/${id}` }
}
