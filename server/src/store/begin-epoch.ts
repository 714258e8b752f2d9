import type { Store } from './store.ts'

/** Begins the epoch after `epoch`, unless somebody has: of several servers that notice a loss, one begins it. */
export async function beginEpoch(store: Store, epoch: bigint): Promise<void> {
  await store.query({
    name: 'begin-epoch',
    text: 'update ledger set epoch = epoch + 1 where id = 1 and epoch = $1',
    values: [epoch],
  })
}
