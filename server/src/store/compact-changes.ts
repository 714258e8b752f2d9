import { ResourceKind } from '../domain/kind.ts'
import type { Store } from './store.ts'
import { storeError } from './store-error.ts'

/**
 * Compacts up to the last revision committed before `before`: moves the ledger's compacted revision there, then
 * deletes what no read at or after it can ask for, which is every after-image that a later one, also not after
 * that revision, has replaced, and all of locks that had ended, holds that were lifted by then, and runs that are gone.
 * Gives the new compacted revision, or undefined when nothing was due.
 *
 * The ledger is held only while its row is written; the deletes go in parts beside the writers.
 */
export async function compactChanges(store: Store, before: Date): Promise<bigint | undefined> {
  try {
    const { rows } = await store.pool.query<{ compacted: bigint }>({
      text: `
        update ledger set compacted = due.revision
        from (select revision from ledger_commit where committed_at < $1
          order by committed_at desc, revision desc limit 1) due
        where id = 1 and due.revision > compacted
        returning compacted`,
      values: [before],
    })
    const compacted = rows[0]?.compacted
    if (compacted === undefined) return undefined
    await store.pool.query('delete from live_lock where members = 0')
    for (const kind of ['lock', 'hold'] as const) await forgetEnded(store, kind, compacted)
    for (const where of [REPLACED, OF_NO_RUN]) await forgetChanges(store, where, compacted)
    // The newest commit at or before the compacted revision stays: it is what a time between is answered by.
    await store.pool.query({ text: 'delete from ledger_commit where revision < $1', values: [compacted] })
    return compacted
  } catch (error) {
    throw storeError(error)
  }
}

const REPLACED = `exists (select 1 from change later
  where later.resource_id = c.resource_id and later.revision > c.revision and later.revision <= $1)`

/** Runs go by their own retention. What was then in the history that is kept stayed: see deleteRuns. */
const OF_NO_RUN = `c.kind = ${ResourceKind.run} and not exists (select 1 from run where run.id = c.resource_id)`

async function forgetChanges(store: Store, where: string, compacted: bigint): Promise<void> {
  for (;;) {
    const { rowCount } = await store.pool.query({
      text: `delete from change where ctid = any(array(
        select c.ctid from change c where c.revision <= $1 and ${where} limit 10000))`,
      values: [compacted],
    })
    if (rowCount === 0) return
  }
}

const ENDED = { lock: 'state = 3', hold: 'state = 2' }

/** Their last images go with their rows: nothing else leads to them. */
async function forgetEnded(store: Store, kind: keyof typeof ENDED, compacted: bigint): Promise<void> {
  for (;;) {
    const { rows } = await store.pool.query<{ gone: boolean }>({
      text: `
        with gone as (
          delete from ${kind} where id = any(array(
            select id from ${kind} where ${ENDED[kind]} and revision <= $1 limit 10000))
          returning id
        ), images as (delete from change where resource_id in (select id from gone))
        select exists (select from gone) as gone`,
      values: [compacted],
    })
    if (rows[0]!.gone === false) return
  }
}
