import { Run_State, RunTarget_Outcome } from '../../../proto/gen/holdfast/v1/run.ts'
import { ResourceKind } from '../domain/kind.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** Which runs are kept, whatever else: those that go on, and the last successful one of every target. */
export interface RunRetention {
  /**
   * Runs that ended before, and were recorded before, may go. By their end alone an import of old runs would be gone
   * within the hour.
   */
  before: Date
  /** So may those beyond so many, the newest counted first. */
  keep: number
}

/** Runs looked at by one statement. */
const BATCH = 500

/**
 * Deletes what retention no longer keeps, with logs and targets, and gives how many runs that were. A run stays
 * while it is the last success of its kind, service and environment on one of its machines, or, without machines,
 * of its kind, service and environment. Only runs that have ended go, so nobody writes to them meanwhile.
 */
export async function deleteRuns(store: Store, { before, keep }: RunRetention): Promise<number> {
  let deleted = 0
  let after = { started: '-infinity', id: '0' }
  for (;;) {
    const [batch] = await store.query<{
      looked: bigint
      started: string | null
      id: bigint
      deleted: bigint
    }>(
      sql`with old as materialized (
          select id, kind, service, environment, state, started_at,
            exists (select 1 from run_target x where x.run_id = run.id) as has_targets
          from run
          where state <> ${Run_State.RUNNING}
            and (greatest(ended_at, created_at) < ${before.toISOString()}::timestamptz or (started_at, id) <= (
              select started_at, id from run order by started_at desc, id desc offset ${keep} limit 1))
            and (started_at, id) > (${after.started}::timestamptz, ${after.id}::int8)
          order by started_at, id limit ${BATCH}
        ), gone as materialized (
          select id from old o where not (case
            when o.has_targets then exists (
              select 1 from run_target x where x.run_id = o.id and x.outcome = ${RunTarget_Outcome.SUCCEEDED}
                and not exists (
                  select 1 from run_target y join run n on n.id = y.run_id
                  where y.machine = x.machine and y.outcome = ${RunTarget_Outcome.SUCCEEDED}
                    and (y.started_at, y.run_id) > (x.started_at, x.run_id)
                    and n.kind = o.kind and n.service = o.service and n.environment = o.environment))
            else o.state = ${Run_State.SUCCEEDED} and not exists (
              select 1 from run n
              where n.service = o.service and n.kind = o.kind and n.environment = o.environment
                and n.state = ${Run_State.SUCCEEDED} and (n.started_at, n.id) > (o.started_at, o.id)
                and not exists (select 1 from run_target y where y.run_id = n.id)) end)
        ), chunks as (delete from run_log_chunk where run_id in (select id from gone)
        ), texts as (delete from run_log_text where run_id in (select id from gone)
        ), logs as (delete from run_log where run_id in (select id from gone)
        ), targets as (delete from run_target where run_id in (select id from gone)
        ), images as (
          delete from change where kind = ${ResourceKind.run} and resource_id in (select id from gone)
            and revision <= (select compacted from ledger where id = 1)
        ), runs as (delete from run where id in (select id from gone) returning 1)
        select count(*) as looked, max(started_at)::text as started,
          (array_agg(id order by started_at desc, id desc))[1] as id, (select count(*) from runs) as deleted
        from old`.toQuery(),
    )
    deleted += Number(batch!.deleted)
    if (Number(batch!.looked) < BATCH) return deleted
    after = { started: batch!.started!, id: String(batch!.id) }
  }
}
