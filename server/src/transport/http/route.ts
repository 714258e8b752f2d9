import type { DoorRequest } from '../../api/door.ts'
import type { CallContext } from '../../api/handler.ts'

/** What a POST to a path does. */
export interface Route {
  /** For the log: `holdfast.v1.IngestService/IngestBatch`, or a door's path. */
  readonly name: string
  readonly maxBytes: number
  readonly tokenHeader?: string | undefined
  readonly answer: (request: DoorRequest, context: CallContext) => Promise<RouteAnswer>
}

export interface RouteAnswer {
  status: number
  body: Buffer | string
  headers: Record<string, string>
}
