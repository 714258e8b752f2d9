import { instantFromDate } from '../domain/instant.ts'
import { monthOf, nextMonth } from '../store/event-partitions.ts'
import { RetentionSweep } from './retention-sweep.ts'

/** Makes the partitions of this month and the next two before they are needed, and drops months past retention. */
export class EventUpkeep extends RetentionSweep {
  protected async expire({ now, before }: { now: Date; before: Date }): Promise<void> {
    const { partitions } = this.store
    const month = monthOf(instantFromDate(now))
    const next = nextMonth(month)
    await partitions.ensure([month, next, nextMonth(next)])
    const dropped = await partitions.dropExpired(before)
    if (dropped.length > 0) this.log.info({ dropped }, 'dropped events past their retention')
  }
}
