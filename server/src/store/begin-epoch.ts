import type { Store } from './store.ts'

/**
 * How far revisions and ids are moved on when an epoch begins: past whatever the old one lost, so that a fencing token
 * rises and no name is used again, for ever. Within an epoch revisions stay dense.
 */
export const EPOCH_LEAP = 2n ** 32n

/** Begins the epoch after `epoch`, unless somebody has: of several servers that notice a loss, one begins it. */
export async function beginEpoch(store: Store, epoch: bigint): Promise<void> {
  await store.query({
    name: 'begin-epoch',
    text: `update ledger set epoch = epoch + 1, head = head + ${EPOCH_LEAP}, next_id = next_id + ${EPOCH_LEAP}
      where id = 1 and epoch = $1`,
    values: [epoch],
  })
}
