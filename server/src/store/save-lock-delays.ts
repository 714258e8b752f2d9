import type { Instant } from '../domain/instant.ts'
import { delayAfter } from '../domain/locks/lock-table.ts'
import type { Row } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { int8Array, timestamptzArray } from './binary-array.ts'
import type { Part } from './one-statement.ts'
import { fromMicros } from './pg-types.ts'

/**
 * Puts on record which of the locks that the batch ended are still in the way, and until when, for whoever begins a table
 * of locks meanwhile. Of a client that lets go nothing is written.
 */
export function saveLockDelays(state: WorkingSet): Part[] {
  const delays: { id: bigint; until: Instant }[] = []
  for (const row of state.dirty) {
    if (row.kind !== 'lock') continue
    const { id, resource } = row as Row<'lock'>
    const until = delayAfter(resource)
    if (until !== undefined) delays.push({ id, until })
  }
  if (delays.length === 0) return []
  return [
    {
      name: 'end-lock-delays',
      text: `delete from lock_delay where until <= ${fromMicros('$1')}`,
      values: [state.now],
    },
    {
      name: 'save-lock-delays',
      text: `insert into lock_delay (lock_id, until) select * from unnest($1::int8[], $2::timestamptz[])`,
      values: [int8Array(delays.map(({ id }) => id)), timestamptzArray(delays.map(({ until }) => until))],
    },
  ]
}
