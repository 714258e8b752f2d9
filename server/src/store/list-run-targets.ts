import type { RunTarget, RunTarget_Outcome } from '../../../proto/gen/holdfast/v1/run.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import { machineName } from '../domain/resource-name.ts'
import type { Page } from './page.ts'
import { sql, sqlMicros } from './sql.ts'
import type { Store } from './store.ts'

/** A page of the targets of a run as they stand now, by machine. */
export async function listRunTargets(
  store: Store,
  { runId, after, limit }: { runId: bigint; after: string[] | undefined; limit: number },
): Promise<Page<RunTarget>> {
  const rows = await store.query<{ machine: string; outcome: number; message: string; reported_at: bigint }>(
    sql`select machine, outcome, message, ${sqlMicros(sql`reported_at`)} as reported_at from run_target
      where run_id = ${runId} and machine > ${after?.[0] ?? ''}::text
      order by machine limit ${limit + 1}`.toQuery('run-targets'),
  )
  const page = rows.slice(0, limit)
  const resources = page.map((row) => ({
    machine: machineName(row.machine),
    outcome: row.outcome as RunTarget_Outcome,
    message: row.message,
    reportTime: timestampFromInstant(row.reported_at as Instant),
  }))
  return { resources, next: rows.length > limit ? [page.at(-1)!.machine] : undefined }
}
