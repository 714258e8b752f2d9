import type { Run, RunTarget } from '../../proto/gen/holdfast/v1/run.ts'
import type { Connection } from './connection.ts'
import { nameOf } from './machine-ref.ts'
import { Paginator } from './paginator.ts'
import { type ListOptions, type PageOptions, present, type ReadOptions } from './reads.ts'
import { asOfFields, type Revision } from './revision.ts'
import { rpc } from './rpc.ts'

const defaultPageSize = 200

/** Loaded when runs are read or made: a script that reports a start must not pay for it. */
export const runService = async () =>
  (await import('../../proto/gen/holdfast/v1/run_service.ts')).RunServiceDefinition

export async function getRun(connection: Connection, name: string, options: ReadOptions): Promise<Run> {
  const definition = await runService()
  const request = { name: nameOf('runs', name), ...asOfFields(options.asOf) }
  const response = await connection.unary(rpc(definition, definition.methods.getRun), request, options)
  return present(response.run)
}

/** What {@link Holdfast.listRuns} takes. */
export interface ListRunsOptions extends Omit<ListOptions, 'orderBy'> {
  /** Words that are all in the log, such as `migrating` or `migrat*`; at most 8. @defaultValue any log */
  search?: string | undefined
}

export function listRuns(connection: Connection, options: ListRunsOptions): Paginator<Run> {
  const { pageSize = defaultPageSize, filter = '', search = '', asOf } = options
  return new Paginator(async (pageToken) => {
    const definition = await runService()
    const request = { pageSize, pageToken, filter, search, ...asOfFields(asOf) }
    const page = await connection.unary(rpc(definition, definition.methods.listRuns), request, options)
    return { items: page.runs, revision: page.revision as Revision, nextPageToken: page.nextPageToken }
  })
}

export function listRunTargets(
  connection: Connection,
  name: string,
  options: PageOptions,
): Paginator<RunTarget> {
  const { pageSize = defaultPageSize } = options
  return new Paginator(async (pageToken) => {
    const definition = await runService()
    const request = { name: nameOf('runs', name), pageSize, pageToken }
    const page = await connection.unary(rpc(definition, definition.methods.listRunTargets), request, options)
    return { items: page.targets, revision: undefined, nextPageToken: page.nextPageToken }
  })
}
