import type { KindName, LedgerMessage } from '../domain/kind.ts'
import type { Row } from '../domain/rows.ts'

type Held = Pick<Row<KindName>, 'revision' | 'resource' | 'body'>

/** A decoded resource takes about this many times its stored bytes, facets that are compressed included. */
const DECODED_FACTOR = 4
const ROW_BYTES = 500

/**
 * Resources that this writer has decoded or made, so that what is touched again is not decoded again: a facet
 * of 10 kB takes 0.3 ms. Rows are still loaded under the ledger's lock; a resource is taken from here only when
 * the row has the very revision it was held at, so what another server wrote is never overlooked. It belongs to
 * one connection: after a failover, when revisions may mean something else, there is a new one.
 */
export class RowCache {
  readonly #maxBytes: number
  readonly #rows = new Map<bigint, Held>()
  #bytes = 0

  constructor(maxBytes = 32 << 20) {
    this.#maxBytes = maxBytes
  }

  /** The resource of a row at this revision, if it is held. */
  get<K extends KindName>(_kind: K, id: bigint, revision: bigint): LedgerMessage[K] | undefined {
    const held = this.#rows.get(id)
    return held?.revision === revision ? (held.resource as LedgerMessage[K]) : undefined
  }

  /** Holds a row as it is committed, in place of the one that has not been touched for longest. */
  hold({ id, revision, resource, body }: Row<KindName>): void {
    this.#drop(id)
    this.#rows.set(id, { revision, resource, body })
    this.#bytes += weight(body)
    for (const oldest of this.#rows.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.#drop(oldest)
    }
  }

  #drop(id: bigint): void {
    const held = this.#rows.get(id)
    if (held === undefined) return
    this.#rows.delete(id)
    this.#bytes -= weight(held.body)
  }
}

const weight = (body: Buffer): number => body.length * DECODED_FACTOR + ROW_BYTES
