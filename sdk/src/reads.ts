import type { GetServerInfoResponse, Source } from '../../proto/gen/holdfast/v1/admin_service.ts'
import type { Machine } from '../../proto/gen/holdfast/v1/machine.ts'
import type { Instance, Service } from '../../proto/gen/holdfast/v1/service.ts'
import type { TimelineEntry } from '../../proto/gen/holdfast/v1/timeline.ts'
import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { CompactedError, HoldfastError, NotFoundError } from './errors.ts'
import { nameOf } from './machine-ref.ts'
import { type Page, Paginator } from './paginator.ts'
import { type AsOf, asOfFields, type Revision, timestampFromDate } from './revision.ts'
import { type Method, rpc } from './rpc.ts'

/** What every read of state takes. */
export interface ReadOptions extends CallOptions {
  /** The instant to answer for: a time by the server's clock, or a revision. @defaultValue now */
  asOf?: AsOf | undefined
}

/** What {@link Holdfast.getMachine} takes. */
export interface GetMachineOptions extends ReadOptions {
  /** With facets and the last process scan. @defaultValue false */
  full?: boolean | undefined
}

/** What a listing takes. `timeoutMs` is for each page. */
export interface PageOptions extends CallOptions {
  /** Items a page, 1 to 250. @defaultValue 200 */
  pageSize?: number | undefined
}

/** What a listing of state takes. */
export interface ListOptions extends PageOptions {
  /** Such as `service = airship AND state = RUNNING`; at most 4 KiB. @defaultValue all */
  filter?: string | undefined
  /** A field, then ` desc` if wanted. @defaultValue by name */
  orderBy?: string | undefined
  /** The instant to answer for: a time by the server's clock, or a revision. @defaultValue now */
  asOf?: AsOf | undefined
}

/** What {@link Holdfast.listTimeline} takes. */
export interface TimelineOptions extends PageOptions {
  /** By `machine`, `service`, `environment`, `type`, `source`, `principal`, joined by `AND`. @defaultValue all */
  filter?: string | undefined
  /** Only what occurred at or after. */
  start?: Date | undefined
  /** Only what occurred before. */
  end?: Date | undefined
  /** As it was known at this time or revision: entries recorded later are left out. @defaultValue now */
  asOf?: AsOf | undefined
}

// The definitions of the reads are 8,000 lines. A script that only reports a start must not pay for them.
const stateService = async () =>
  (await import('../../proto/gen/holdfast/v1/state_service.ts')).StateServiceDefinition
type StateMethods = Awaited<ReturnType<typeof stateService>>['methods']
const adminService = async () =>
  (await import('../../proto/gen/holdfast/v1/admin_service.ts')).AdminServiceDefinition

export async function getMachine(
  connection: Connection,
  name: string,
  options: GetMachineOptions,
): Promise<Machine> {
  await wasThere(connection, name, options)
  const definition = await stateService()
  const view = options.full ? 2 : 1
  const request = { name: nameOf('machines', name), view, ...asOfFields(options.asOf) } as const
  const response = await connection.unary(rpc(definition, definition.methods.getMachine), request, options)
  return present(response.machine)
}

export async function getService(
  connection: Connection,
  name: string,
  options: ReadOptions,
): Promise<Service> {
  await wasThere(connection, name, options)
  const definition = await stateService()
  const request = { name: nameOf('services', name), ...asOfFields(options.asOf) }
  const response = await connection.unary(rpc(definition, definition.methods.getService), request, options)
  return present(response.service)
}

export async function getInstance(
  connection: Connection,
  name: string,
  options: ReadOptions,
): Promise<Instance> {
  await wasThere(connection, name, options)
  const definition = await stateService()
  const request = { name: nameOf('instances', name), ...asOfFields(options.asOf) }
  const response = await connection.unary(rpc(definition, definition.methods.getInstance), request, options)
  return present(response.instance)
}

export async function getServerInfo(
  connection: Connection,
  options: CallOptions,
): Promise<GetServerInfoResponse> {
  const definition = await adminService()
  return connection.unary(rpc(definition, definition.methods.getServerInfo), {}, options)
}

export const listMachines = listed(
  ({ listMachines }) => listMachines,
  ({ machines }) => machines,
)
export const listServices = listed(
  ({ listServices }) => listServices,
  ({ services }) => services,
)
export const listInstances = listed(
  ({ listInstances }) => listInstances,
  ({ instances }) => instances,
)
export const listVersions = listed(
  ({ listVersions }) => listVersions,
  ({ cells }) => cells,
)

/** A listing of state: of the method that it calls, and what is in its pages. */
function listed<Answer extends { revision: bigint; nextPageToken: string }, Item>(
  methodOf: (methods: StateMethods) => Method<ReturnType<typeof listFields>, Answer>,
  itemsOf: (answer: Answer) => Item[],
): (connection: Connection, options: ListOptions) => Paginator<Item> {
  return (connection, options) =>
    new Paginator(async (pageToken) => {
      if (await isBeginning(connection, options)) return pageOf([], { revision: 0n, nextPageToken: '' })
      const { methods, fullName } = await stateService()
      const method = rpc({ fullName }, methodOf(methods))
      const answer = await connection.unary(method, listFields(options, pageToken), options)
      return pageOf(itemsOf(answer), answer)
    })
}

export function listTimeline(connection: Connection, options: TimelineOptions): Paginator<TimelineEntry> {
  const { filter = '', start, end, asOf, pageSize = defaultPageSize } = options
  return new Paginator(async (pageToken) => {
    if (await isBeginning(connection, options)) return pageOf([], { revision: 0n, nextPageToken: '' })
    const { methods, fullName } = await stateService()
    const request = {
      pageSize,
      pageToken,
      filter,
      startTime: start && timestampFromDate(start),
      endTime: end && timestampFromDate(end),
      ...asOfFields(asOf),
    }
    const page = await connection.unary(rpc({ fullName }, methods.listTimeline), request, options)
    return pageOf(page.entries, page)
  })
}

export function listSources(connection: Connection, options: PageOptions): Paginator<Source> {
  const { pageSize = defaultPageSize } = options
  return new Paginator(async (pageToken) => {
    const { methods, fullName } = await adminService()
    const page = await connection.unary(
      rpc({ fullName }, methods.listSources),
      { pageSize, pageToken },
      options,
    )
    return { items: page.sources, revision: undefined, nextPageToken: page.nextPageToken }
  })
}

const defaultPageSize = 200

export function listFields(options: ListOptions, pageToken: string) {
  const { pageSize = defaultPageSize, filter = '', orderBy = '', asOf } = options
  return { pageSize, pageToken, filter, orderBy, ...asOfFields(asOf) }
}

export function pageOf<T>(
  items: T[],
  { revision, nextPageToken }: { revision: bigint; nextPageToken: string },
): Page<T> {
  return { items, revision: revision as Revision, nextPageToken }
}

/** A message that the contract promises; its absence is the server's fault. */
export function present<T>(message: T | undefined): T {
  if (message === undefined) {
    throw new HoldfastError('the server answered without the resource', { code: 'INTERNAL' })
  }
  return message
}

/**
 * Whether the read is as of revision 0, the state before the first change, which is what a write on an empty
 * ledger may answer. On the wire a revision of 0 means now: sent as it is, it would be answered with the
 * state of today.
 *
 * @throws CompactedError when the server no longer keeps the beginning.
 */
export async function isBeginning(connection: Connection, options: ReadOptions): Promise<boolean> {
  if (options.asOf !== 0n) return false
  const { compactedRevision } = await getServerInfo(connection, options)
  if (compactedRevision === 0n) return true
  throw new CompactedError(`revision 0 is no longer kept; the oldest one is ${compactedRevision}`, {
    code: 'OUT_OF_RANGE',
    reason: 'REVISION_COMPACTED',
    metadata: { compactedRevision: String(compactedRevision) },
  })
}

/** @throws NotFoundError when the read is as of revision 0, when nothing was there. */
async function wasThere(connection: Connection, name: string, options: ReadOptions): Promise<void> {
  if (!(await isBeginning(connection, options))) return
  throw new NotFoundError(`there was no ${name} at revision 0: nothing was`, { code: 'NOT_FOUND' })
}
