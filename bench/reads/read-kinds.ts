import { AdminServiceService, ListSourcesRequest } from '../../proto/gen/holdfast/v1/admin_service.ts'
import {
  GetInstanceRequest,
  GetMachineRequest,
  ListInstancesRequest,
  ListMachinesRequest,
  ListServicesRequest,
  ListTimelineRequest,
  ListVersionsRequest,
  MachineView,
  StateServiceService,
} from '../../proto/gen/holdfast/v1/state_service.ts'
import { type EstateSize, machineId, serviceId } from './estate.ts'

/** A unary call of the API, ready to be sent. */
export interface Call {
  path: string
  request: Buffer
}

/** A kind of read, asked again and again about something else. */
export interface ReadKind {
  what: string
  /** Makes the next call; `turn` rises from 0. */
  call(turn: number): Call
  /** A list: it is read at 50 and at 250 rows a page, first pages and later ones. */
  list?: { withPage(turn: number, page: Page): Call }
}

export interface Page {
  pageSize: number
  pageToken: string
}

type Method<Request> = { path: string; requestSerialize: (request: Request) => Buffer }

function toCall<Request>({ path, requestSerialize }: Method<Request>, request: Request): Call {
  return { path, request: requestSerialize(request) }
}

const firstPage: Page = { pageSize: 50, pageToken: '' }

function list(what: string, withPage: (turn: number, page: Page) => Call): ReadKind {
  return { what, call: (turn) => withPage(turn, firstPage), list: { withPage } }
}

const { getMachine, getInstance, listMachines, listServices, listInstances, listVersions, listTimeline } =
  StateServiceService

/** Where the history of the estate begins, once everything is there, and where it ends. */
export interface History {
  first: bigint
  last: bigint
}

/** Every kind of read, over the estate as it is filled. */
export function readKinds({ machines, services }: EstateSize, { first, last }: History): ReadKind[] {
  const machine = (turn: number) => machineId((turn * 7919) % machines)
  const service = (turn: number) => serviceId(turn % services)
  const past = (turn: number) => first + ((BigInt(turn) * 7919n) % (last - first))

  const machinesWhere = (
    what: string,
    rest: (turn: number) => { filter?: string; orderBy?: string; revision?: bigint },
  ) =>
    list(`ListMachines ${what}`, (turn, page) =>
      toCall(listMachines, ListMachinesRequest.fromPartial({ ...rest(turn), ...page })),
    )
  const instancesWhere = (
    what: string,
    rest: (turn: number) => { filter?: string; orderBy?: string; revision?: bigint },
  ) =>
    list(`ListInstances ${what}`, (turn, page) =>
      toCall(listInstances, ListInstancesRequest.fromPartial({ ...rest(turn), ...page })),
    )
  const versionsWhere = (what: string, rest: (turn: number) => { filter?: string; revision?: bigint }) =>
    list(`ListVersions ${what}`, (turn, page) =>
      toCall(listVersions, ListVersionsRequest.fromPartial({ ...rest(turn), ...page })),
    )
  const timelineWhere = (what: string, filter: (turn: number) => string) =>
    list(`ListTimeline ${what}`, (turn, page) =>
      toCall(listTimeline, ListTimelineRequest.fromPartial({ filter: filter(turn), ...page })),
    )

  return [
    machinesWhere('all', () => ({})),
    machinesWhere('by label', (turn) => ({ filter: `labels.rack = rack-${turn % 200}` })),
    machinesWhere('by architecture and CPUs', () => ({ filter: 'arch = arm64 AND cpu_logical_count >= 16' })),
    machinesWhere('by name pattern', (turn) => ({
      filter: `name = "worker-${String(turn % 100).padStart(3, '0')}*"`,
    })),
    machinesWhere('by alias', (turn) => ({
      filter: `alias = "${((turn * 7919) % machines).toString(16).padStart(32, '0')}"`,
    })),
    machinesWhere('that match nothing', () => ({ filter: 'labels.rack = none' })),
    machinesWhere('ordered by memory', () => ({ orderBy: 'memory_bytes desc' })),
    machinesWhere('as of a revision', (turn) => ({ revision: past(turn) })),
    list('ListServices', (_, page) => toCall(listServices, ListServicesRequest.fromPartial(page))),
    instancesWhere('all', () => ({})),
    instancesWhere('of a machine', (turn) => ({ filter: `machine = ${machine(turn)}` })),
    instancesWhere('of a service', (turn) => ({ filter: `service = ${service(turn)}` })),
    instancesWhere('of a service and environment', (turn) => ({
      filter: `service = ${service(turn)} AND environment = staging`,
    })),
    instancesWhere('at a version', () => ({ filter: 'running_version = "1.1.3"' })),
    instancesWhere('that match nothing', () => ({ filter: 'state = STOPPED' })),
    instancesWhere('ordered by time of change', () => ({ orderBy: 'update_time desc' })),
    instancesWhere('of a service ordered by version', (turn) => ({
      filter: `service = ${service(turn)}`,
      orderBy: 'running_version',
    })),
    instancesWhere('of a service as of a revision', (turn) => ({
      filter: `service = ${service(turn)}`,
      revision: past(turn),
    })),
    instancesWhere('as of a revision', (turn) => ({ revision: past(turn) })),
    versionsWhere('of a service', (turn) => ({ filter: `service = ${service(turn)}` })),
    versionsWhere('of a service as of a revision', (turn) => ({
      filter: `service = ${service(turn)}`,
      revision: past(turn),
    })),
    timelineWhere('of a machine', (turn) => `machine = ${machine(turn)}`),
    timelineWhere('of a service', (turn) => `service = ${service(turn)}`),
    timelineWhere(
      'of a machine and service',
      (turn) => `machine = ${machine(turn)} AND service = ${service(turn)}`,
    ),
    timelineWhere('of everything', () => ''),
    list('ListSources', (_, page) =>
      toCall(AdminServiceService.listSources, ListSourcesRequest.fromPartial(page)),
    ),
    {
      what: 'GetMachine, full',
      call: (turn) =>
        toCall(
          getMachine,
          GetMachineRequest.fromPartial({ name: `machines/${machine(turn)}`, view: MachineView.FULL }),
        ),
    },
    {
      what: 'GetMachine, full, as of a revision',
      call: (turn) =>
        toCall(
          getMachine,
          GetMachineRequest.fromPartial({
            name: `machines/${machine(turn)}`,
            view: MachineView.FULL,
            revision: past(turn),
          }),
        ),
    },
    {
      what: 'GetInstance as of a revision',
      call: (turn) =>
        toCall(
          getInstance,
          GetInstanceRequest.fromPartial({
            name: `instances/${machine(turn)}~${service(turn)}`,
            revision: past(turn),
          }),
        ),
    },
  ]
}
