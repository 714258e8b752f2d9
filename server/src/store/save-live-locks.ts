import { Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { Row } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { int8Array } from './binary-array.ts'
import type { Part } from './one-statement.ts'

const BUCKET_BITS = 6n

/** Those of 64 ids that begin or cease to be of live locks. */
interface Bucket {
  begun: bigint
  ended: bigint
}

/** Puts on record which locks are held or wait, where the batch changed that. */
export function saveLiveLocks(state: WorkingSet): Part[] {
  const buckets = new Map<bigint, Bucket>()
  for (const row of state.dirty) {
    if (row.kind !== 'lock') continue
    const { id, createRevision, resource } = row as Row<'lock'>
    const begins = createRevision > state.from.head
    const lives = resource.state !== Lock_State.ENDED
    if (begins !== lives) continue
    let bucket = buckets.get(id >> BUCKET_BITS)
    if (bucket === undefined) {
      bucket = { begun: 0n, ended: 0n }
      buckets.set(id >> BUCKET_BITS, bucket)
    }
    const bit = 1n << (id & ((1n << BUCKET_BITS) - 1n))
    if (lives) bucket.begun |= bit
    else bucket.ended |= bit
  }
  if (buckets.size === 0) return []
  const all = [...buckets.values()]
  const members = (bits: bigint): bigint => BigInt.asIntN(64, bits)
  return [
    {
      name: 'live-locks',
      text: `insert into live_lock (bucket, members)
        select u.bucket, (coalesce(l.members, 0) | u.begun) & ~u.ended
        from unnest($1::int8[], $2::int8[], $3::int8[]) u(bucket, begun, ended)
        left join live_lock l on l.bucket = u.bucket
        on conflict (bucket) do update set members = excluded.members`,
      values: [
        int8Array([...buckets.keys()]),
        int8Array(all.map(({ begun }) => members(begun))),
        int8Array(all.map(({ ended }) => members(ended))),
      ],
    },
  ]
}
