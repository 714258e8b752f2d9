import type pg from 'pg'
import { DAY_MS, instantFromDate } from '../domain/instant.ts'
import type { EventKey } from '../domain/load-keys.ts'
import { inTransaction } from './transaction.ts'

/** A month of events, as `2026-11`. */
export type Month = string

const HOUR_US = 3_600_000_000n
let memo: { hour: bigint; month: Month } = { hour: -1n, month: '1969-12' }

/** The month, in UTC, of a time in microseconds. */
export function monthOf(micros: bigint): Month {
  const hour = micros / HOUR_US
  // Called for each event, nearly always with the same hour as before.
  if (memo.hour !== hour) memo = { hour, month: new Date(Number(micros / 1000n)).toISOString().slice(0, 7) }
  return memo.month
}

export const partitionOf = (month: Month): string => `event_${month.replace('-', '_')}`

export function nextMonth(month: Month): Month {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return number === 12 ? `${year + 1}-01` : `${year}-${String(number + 1).padStart(2, '0')}`
}

const MARGIN_DAYS = 31

/**
 * The months that a batch may write events to: those that its own fall in, but for those that will be refused for their
 * time, and this one, since changes made by calls to the API are events of now. The clock here is this process's, and
 * the one that decides is the database's: hence the margin.
 */
export function monthsToWrite(events: readonly EventKey[]): Set<Month> {
  const now = Date.now()
  const micros = (days: number): bigint => BigInt(now + days * DAY_MS) * 1000n
  const latest = micros(MARGIN_DAYS)
  const months = new Set<Month>()
  for (const { occurredAt, retentionDays } of events) {
    if (occurredAt < latest && occurredAt > micros(-retentionDays - MARGIN_DAYS)) {
      months.add(monthOf(occurredAt))
    }
  }
  return months.add(monthOf(micros(0)))
}

/**
 * The monthly partitions of `event`, by `occurred_at`. Each has its own unique index over (source_id, id):
 * an event has one time of occurrence, so the same event always meets itself in the same month.
 */
export class EventPartitions {
  readonly #pool: pg.Pool
  readonly #known = new Set<Month>()

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  has(month: Month): boolean {
    return this.#known.has(month)
  }

  /** Creates the partitions of these months, where missing. */
  async ensure(months: Iterable<Month>): Promise<void> {
    const missing = [...months].filter((month) => !this.#known.has(month))
    if (missing.length === 0) return
    await this.#exclusively(async (client) => {
      for (const month of missing) {
        const name = partitionOf(month)
        await client.query(
          `create table if not exists ${name} partition of event for values from ('${month}-01Z') to ('${nextMonth(month)}-01Z')`,
        )
        await client.query(`create unique index if not exists ${name}_identity on ${name} (source_id, id)`)
      }
    })
    for (const month of missing) this.#known.add(month)
  }

  /** Drops the months that lie wholly before a time, and what belongs to them. Says which. */
  async dropExpired(before: Date): Promise<Month[]> {
    const cutoff = monthOf(instantFromDate(before))
    const expired: Month[] = []
    await this.#exclusively(async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'event'::regclass order by 1`,
      )
      for (const { name } of rows) {
        const month = name.slice('event_'.length).replace('_', '-')
        if (month >= cutoff) continue
        await client.query(`drop table ${name}`)
        expired.push(month)
      }
    })
    // Also those that another server dropped.
    for (const month of this.#known) if (month < cutoff) this.#known.delete(month)
    if (expired.length > 0) {
      // Reads the whole table, and so does not hold the ledger meanwhile.
      await this.#pool.query(`delete from event_target where occurred_at < $1::timestamptz`, [
        `${cutoff}-01Z`,
      ])
      // An event that is as old is refused. What a writer holds stays, since it must not wait for another row of these.
      await this.#pool.query(
        `delete from machine_label where (machine_id, key) in (
          select machine_id, key from machine_label where told_at < $1::timestamptz for update skip locked)`,
        [`${cutoff}-01Z`],
      )
    }
    return expired
  }

  /**
   * Whether an error says that a partition is gone, because another server dropped it. Then all are looked for
   * anew, and what failed can be tried again.
   */
  forgetIfDropped(error: unknown): boolean {
    if ((error as { code?: unknown }).code !== '42P01') return false
    this.#known.clear()
    return true
  }

  /** Under the ledger's row, which is the first lock of every writing transaction: no deadlock with writers. */
  async #exclusively(work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
    await inTransaction(this.#pool, async (client) => {
      await client.query('select 1 from ledger where id = 1 for update')
      // Behind a reader that takes long, the tables are not waited for: no server writes meanwhile.
      await client.query(`set local lock_timeout = '3s'`)
      await work(client)
    })
  }
}
