import { TimelineEntry_Effect } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import type { Row } from '../rows.ts'

/** What folding an event came to, and where it belongs on the timeline. */
export interface FoldOutcome {
  /** Of the report itself. NONE becomes CHANGED when the event was the first to mention something. */
  effect: (typeof TimelineEntry_Effect)['CHANGED' | 'NONE' | 'SUPERSEDED']
  machine?: Row<'machine'> | undefined
  service?: Row<'service'> | undefined
  environment?: string | undefined
  /** The machines of an event about several. */
  targets?: Row<'machine'>[] | undefined
  /** What to keep of the event; undefined when it is kept beside (heartbeats, scans) or not at all. */
  kept?: IncomingEvent | undefined
}

export const Effect = TimelineEntry_Effect
