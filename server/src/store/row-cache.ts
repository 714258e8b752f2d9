import type { KindName, LedgerMessage } from '../domain/kind.ts'
import { RecentMap } from '../domain/recent-map.ts'
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
  readonly #rows: RecentMap<bigint, Held>

  constructor(maxBytes = 32 << 20) {
    this.#rows = new RecentMap(maxBytes / 2, ({ body }) => body.length * DECODED_FACTOR + ROW_BYTES)
  }

  /** The resource of a row at this revision, if it is held. */
  get<K extends KindName>(_kind: K, id: bigint, revision: bigint): LedgerMessage[K] | undefined {
    const held = this.#rows.get(id)
    return held?.revision === revision ? (held.resource as LedgerMessage[K]) : undefined
  }

  /** Holds a row as it is committed, until much else was. */
  hold({ id, revision, resource, body }: Row<KindName>): void {
    this.#rows.set(id, { revision, resource, body })
  }
}
