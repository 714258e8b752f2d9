import { ListSourcesRequest, type ListSourcesResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import {
  DeclareServiceRequest,
  type DeclareServiceResponse,
  GetInstanceRequest,
  type GetInstanceResponse,
  GetMachineRequest,
  type GetMachineResponse,
  GetServiceRequest,
  type GetServiceResponse,
  ListInstancesRequest,
  type ListInstancesResponse,
  ListMachinesRequest,
  type ListMachinesResponse,
  ListTimelineRequest,
  type ListTimelineResponse,
  ListVersionsRequest,
  type ListVersionsResponse,
  RetireMachineRequest,
  type RetireMachineResponse,
  UpdateMachineRequest,
  type UpdateMachineResponse,
} from '../../proto/gen/holdfast/v1/state_service.ts'
import type { Clients } from '../harness/clients.ts'
import { called } from '../watch/reports.ts'

/** The reads of a server, and two writes, as functions of the fields that matter. */
export function callsOf({ state, admin }: Clients) {
  return {
    getMachine: (fields: Partial<GetMachineRequest>) =>
      called<GetMachineResponse>((done) => state.getMachine(GetMachineRequest.fromPartial(fields), done)),
    getService: (fields: Partial<GetServiceRequest>) =>
      called<GetServiceResponse>((done) => state.getService(GetServiceRequest.fromPartial(fields), done)),
    getInstance: (fields: Partial<GetInstanceRequest>) =>
      called<GetInstanceResponse>((done) => state.getInstance(GetInstanceRequest.fromPartial(fields), done)),
    listMachines: (fields: Partial<ListMachinesRequest>) =>
      called<ListMachinesResponse>((done) =>
        state.listMachines(ListMachinesRequest.fromPartial(fields), done),
      ),
    listInstances: (fields: Partial<ListInstancesRequest>) =>
      called<ListInstancesResponse>((done) =>
        state.listInstances(ListInstancesRequest.fromPartial(fields), done),
      ),
    listVersions: (fields: Partial<ListVersionsRequest>) =>
      called<ListVersionsResponse>((done) =>
        state.listVersions(ListVersionsRequest.fromPartial(fields), done),
      ),
    listTimeline: (fields: Partial<ListTimelineRequest>) =>
      called<ListTimelineResponse>((done) =>
        state.listTimeline(ListTimelineRequest.fromPartial(fields), done),
      ),
    listSources: (fields: Partial<ListSourcesRequest>) =>
      called<ListSourcesResponse>((done) => admin.listSources(ListSourcesRequest.fromPartial(fields), done)),
    declareService: (fields: Partial<DeclareServiceRequest>) =>
      called<DeclareServiceResponse>((done) =>
        state.declareService(DeclareServiceRequest.fromPartial(fields), done),
      ),
    retireMachine: (fields: Partial<RetireMachineRequest>) =>
      called<RetireMachineResponse>((done) =>
        state.retireMachine(RetireMachineRequest.fromPartial(fields), done),
      ),
    updateMachine: (fields: Partial<UpdateMachineRequest>) =>
      called<UpdateMachineResponse>((done) =>
        state.updateMachine(UpdateMachineRequest.fromPartial(fields), done),
      ),
  }
}
