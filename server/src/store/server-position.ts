import type { Instant } from '../domain/instant.ts'
import { micros } from './pg-types.ts'
import type { Store } from './store.ts'

/** Where the ledger stands, and the time by the database's clock. */
export interface ServerPosition {
  epoch: bigint
  head: bigint
  compacted: bigint
  clock: Instant
}

export async function readServerPosition(store: Store): Promise<ServerPosition> {
  const [row] = await store.query<{ epoch: bigint; head: bigint; compacted: bigint; clock: bigint }>({
    name: 'server-position',
    text: `select epoch, head, compacted, ${micros('clock_timestamp()')} as clock from ledger where id = 1`,
  })
  const { clock, ...position } = row!
  return { ...position, clock: clock as Instant }
}
