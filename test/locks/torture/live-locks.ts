import { Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import { sql } from '../../watch/history.ts'

/** Locks that live and are not on record as such, or the other way round, by id. */
export async function unlisted(url: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>(
    url,
    `select id from (select id from lock where state <> ${Lock_State.ENDED}) l full join live_lock_id i using (id)
      where l.id is null or i.id is null`,
  )
  return rows.map(({ id }) => id)
}
