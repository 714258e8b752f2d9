import type { Connection } from './connection.ts'
export interface IngestStreamOptions {
  source?: string | undefined
}
export class IngestStream {
  constructor(_connection: Connection, _options: IngestStreamOptions) {}
}
