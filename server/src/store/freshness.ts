import type { KindName } from '../domain/kind.ts'
import { type Sql, sql } from './sql.ts'

/**
 * The number of a row's Freshness, by the database's clock and the interval at which its source reports. Never null.
 * `expected` says whether it is expected to be reported at all.
 */
const freshness = (expected: Sql): Sql => sql`(case
  when t.report_interval_ms = 0 or not ${expected} then 0
  when t.observed_at >= statement_timestamp() - greatest(t.report_interval_ms * 3, 60000) * interval '1 ms' then 1
  when t.observed_at >= statement_timestamp() - greatest(t.report_interval_ms * 10, 300000) * interval '1 ms' then 2
  else 3 end)`

/** Of rows `t` of the kinds that have it: machines in use, instances that run, and findings that are present. */
const OF_KIND: { readonly [K in KindName]?: Sql } = {
  machine: freshness(sql`t.lifecycle = 1`),
  instance: freshness(sql`t.state = 2`),
  finding: freshness(sql`t.present = 1`),
}

export const freshnessOf = (kind: KindName): Sql => OF_KIND[kind] ?? sql`0`
