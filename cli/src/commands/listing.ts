import type { Holdfast, Page } from '@holdfast/sdk'
import type { PastPoint } from '../as-of.ts'
import type { CommandContext } from '../command-context.ts'
import { type Column, Table } from '../output/table.ts'
import { resolvePast } from '../past.ts'

/** What every listing takes. */
export interface ListingFlags {
  filter?: string
  orderBy?: string
  asOf?: PastPoint
  limit?: number
}

/** How a listing is shown. */
export interface Listing<Row> {
  /** What its rows are, in the plural, for when there are none. */
  noun: string
  columns: readonly Column<Row>[]
  toJson(row: Row): unknown
  /** What to do about the rows; told after a table. */
  hint?: string
}

/** The most rows that the server gives at once. */
const MAX_PAGE_SIZE = 250

/** How many rows to ask for at once. */
export function pageSizeFor(limit: number | undefined): number {
  return Math.min(limit ?? MAX_PAGE_SIZE, MAX_PAGE_SIZE)
}

/** What the flags ask of the SDK. */
export async function listOptions(holdfast: Holdfast, flags: ListingFlags) {
  return {
    filter: flags.filter,
    orderBy: flags.orderBy,
    pageSize: pageSizeFor(flags.limit),
    asOf: await resolvePast(holdfast, flags.asOf),
  }
}

/**
 * Prints all pages as they come: an aligned table, or one JSON array. Nothing but a page is held, so a listing
 * may be longer than memory.
 */
export async function printListing<Row>(
  context: CommandContext,
  pages: AsyncIterable<Page<Row>>,
  listing: Listing<Row>,
  limit = Number.POSITIVE_INFINITY,
): Promise<void> {
  const json = context.settings.output === 'json'
  const table = new Table(listing.columns, context.paint)
  let count = 0
  for await (const page of pages) {
    const rows = page.items.slice(0, limit - count)
    if (json) {
      const texts = rows.map((row) =>
        JSON.stringify(listing.toJson(row), undefined, 2).replaceAll('\n', '\n  '),
      )
      if (texts.length > 0) await context.print(`${count === 0 ? '[\n  ' : ',\n  '}${texts.join(',\n  ')}`)
    } else if (rows.length > 0) {
      await context.print(table.page(rows))
    }
    count += rows.length
    if (count >= limit) break
  }
  if (json) await context.print(count === 0 ? '[]\n' : '\n]\n')
  else if (count === 0) context.warn(`no ${listing.noun}`)
  else if (listing.hint !== undefined) context.warn(listing.hint)
}
