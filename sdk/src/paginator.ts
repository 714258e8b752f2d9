import type { Revision } from './revision.ts'

/** One page of a listing. */
export interface Page<T> {
  items: T[]
  /** The revision that the listing was read at, the same on all its pages; undefined where none is read. */
  revision: Revision | undefined
  /** Where the next page begins. Empty at the end. */
  nextPageToken: string
}

/**
 * A listing. Iterate over it for one item after the other; pages are fetched when they are needed. All pages
 * answer as of the first one's revision, so nothing is missed or told twice while the state changes.
 *
 * @example
 * for await (const machine of holdfast.listMachines({ filter: 'os_type = linux' })) console.log(machine.name)
 */
export class Paginator<T> implements AsyncIterable<T> {
  readonly #fetch: (pageToken: string) => Promise<Page<T>>

  /** @internal */
  constructor(fetch: (pageToken: string) => Promise<Page<T>>) {
    this.#fetch = fetch
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.items
  }

  /** The listing page by page. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let pageToken = ''
    do {
      const page = await this.#fetch(pageToken)
      yield page
      pageToken = page.nextPageToken
    } while (pageToken !== '')
  }

  /**
   * All items, or the first ones.
   *
   * @param options.limit stop at this many. @defaultValue no limit
   */
  async toArray(options: { limit?: number | undefined } = {}): Promise<T[]> {
    const { limit = Number.POSITIVE_INFINITY } = options
    const items: T[] = []
    if (limit <= 0) return items
    for await (const item of this) {
      items.push(item)
      if (items.length >= limit) break
    }
    return items
  }
}
