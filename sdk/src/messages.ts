// The messages of the contract with their codecs (`encode`, `decode`, `toJSON`, `fromJSON`) and enums, for
// programs that print or keep what they read. Not loaded by `@holdfast/sdk` itself, which starts faster without.
export { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts'
export { GetServerInfoResponse as ServerInfo, Source } from '../../proto/gen/holdfast/v1/admin_service.ts'
export {
  DiscoveryRule,
  Finding,
  Finding_Decision,
  Finding_State,
} from '../../proto/gen/holdfast/v1/discovery.ts'
export { DeploymentRecorded_Status, Event } from '../../proto/gen/holdfast/v1/event.ts'
export { Hold, Hold_LiftCause, Hold_State } from '../../proto/gen/holdfast/v1/hold.ts'
export {
  Blocker,
  Blocker_Kind,
  Lease,
  Lock,
  Lock_EndCause,
  Lock_Mode,
  Lock_State,
  ReleaseRequest,
} from '../../proto/gen/holdfast/v1/lock.ts'
export {
  Alias,
  Alias_Kind,
  Facet,
  Freshness,
  HardwareSummary,
  IdentityConflict,
  Machine,
  Machine_Lifecycle,
  MachineRef,
  Process,
  ProcessScan,
} from '../../proto/gen/holdfast/v1/machine.ts'
export {
  LogEntry,
  LogEntry_Stream,
  Run,
  Run_Kind,
  Run_State,
  RunTarget,
  RunTarget_Outcome,
  TargetCounts,
} from '../../proto/gen/holdfast/v1/run.ts'
export { Scope } from '../../proto/gen/holdfast/v1/scope.ts'
export { Basis, Condition, Instance, Instance_State, Service } from '../../proto/gen/holdfast/v1/service.ts'
export { FieldChange, TimelineEntry, TimelineEntry_Effect } from '../../proto/gen/holdfast/v1/timeline.ts'
export { VersionCell, VersionCell_Drift } from '../../proto/gen/holdfast/v1/version.ts'
export {
  Change,
  Change_Type,
  Resource,
  WatchPosition,
  WatchStateResponse,
} from '../../proto/gen/holdfast/v1/watch.ts'
