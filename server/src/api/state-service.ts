import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Store } from '../store/store.ts'
import { amendments } from './amendments.ts'
import type { Handlers } from './handler.ts'
import { stateReads } from './state-reads.ts'
import { watchState } from './watch-state.ts'

/** StateService, put together from one file a concern. */
export function stateService({
  store,
  ledger,
}: {
  store: Store
  ledger: Ledger
}): Handlers<typeof StateServiceService> {
  return {
    ...stateReads(store),
    ...amendments(ledger),
    watchState: watchState({ store, feed: ledger.feed }),
  }
}
