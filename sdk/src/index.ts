// For everybody.

// What the server answers with. Their codecs and enums are in `@holdfast/sdk/messages`.
export type {
  GetServerInfoResponse as ServerInfo,
  Source,
} from '../../proto/gen/holdfast/v1/admin_service.ts'
export type { DiscoveryRule, Finding, FindingTraits } from '../../proto/gen/holdfast/v1/discovery.ts'
export type {
  ListVersionProbesResponse_VersionProbe,
  SimulateRuleResponse,
  SimulateRuleResponse_Match,
} from '../../proto/gen/holdfast/v1/discovery_service.ts'
export type { Event } from '../../proto/gen/holdfast/v1/event.ts'
export type { Hold } from '../../proto/gen/holdfast/v1/hold.ts'
export type { Lock } from '../../proto/gen/holdfast/v1/lock.ts'
export type {
  Alias,
  Facet,
  HardwareSummary,
  IdentityConflict,
  Machine,
  Process,
  ProcessScan,
} from '../../proto/gen/holdfast/v1/machine.ts'
export type { Run, RunTarget, TargetCounts } from '../../proto/gen/holdfast/v1/run.ts'
export type { Basis, Condition, Instance, Service } from '../../proto/gen/holdfast/v1/service.ts'
export type { FieldChange, TimelineEntry } from '../../proto/gen/holdfast/v1/timeline.ts'
export type { VersionCell } from '../../proto/gen/holdfast/v1/version.ts'
// Reading and changing.
export type {
  ChangedMachine,
  ChangedService,
  ChangeOptions,
  DeclareServiceOptions,
  RetireMachineOptions,
  UpdateMachineOptions,
} from './changes.ts'
export type { CallOptions, ConnectOptions, TlsOptions } from './connect-options.ts'
export type { ConnectionState } from './connection-state.ts'
// Runs.
export type { DeployOptions } from './deploy.ts'
export type {
  ChangedDiscoveryRule,
  FindingDecision,
  ResolvedFinding,
  RuleInput,
  SimulateRuleOptions,
} from './discovery.ts'
// Errors.
export type { FieldViolation } from './error-details.ts'
export {
  ClientClosedError,
  type Code,
  CompactedError,
  ConflictError,
  DeadlineExceededError,
  EpochChangedError,
  EventRefusedError,
  HoldfastError,
  type HoldfastErrorOptions,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  QuotaExceededError,
  RevisionAheadError,
  UnauthenticatedError,
  UnavailableError,
} from './errors.ts'
// Reporting.
export { event } from './event.ts'
export type {
  DeployedOptions,
  DeploymentStatus,
  EventOptions,
  EventPayload,
  HeartbeatOptions,
  MachineHeartbeatOptions,
  NoteOptions,
  ObserveOptions,
  OutgoingEvent,
  ProcessesOptions,
  ProcessInput,
  StartedOptions,
  StoppedOptions,
} from './event-options.ts'
export { Holdfast } from './holdfast.ts'
export type { Acknowledged, IngestStats, IngestStreamOptions } from './ingest-options.ts'
export { IngestStream } from './ingest-stream.ts'
// Locking.
export type { AcquireOptions, QueuedUpdate } from './locks/acquire-options.ts'
export type { AcquiredLock, ReleaseRequested } from './locks/acquired-lock.ts'
export type { Blocker } from './locks/blocker.ts'
export type { CanDeploy, CanDeployOptions } from './locks/can-deploy.ts'
export type {
  ChangedCondition,
  RevokeConditionOptions,
  SatisfiedCondition,
  SatisfyOptions,
} from './locks/conditions.ts'
export type { FencingToken } from './locks/fencing-token.ts'
export type { AmendHoldOptions, ChangedHold, LiftHoldOptions, PlaceHoldOptions } from './locks/holds.ts'
export type { ChangedLock, ForceReleaseOptions, RequestReleaseOptions } from './locks/lock-changes.ts'
export {
  AcquireTimedOutError,
  BlockedError,
  LeaseExpiredError,
  LockHeldError,
  LockLostError,
  type LossCause,
  RequestIdReusedError,
  StaleTokenError,
} from './locks/lock-errors.ts'
export type { ScopedListOptions } from './locks/lock-reads.ts'
export type { LockState } from './locks/lock-state.ts'
export { type ScopeInput, type ScopeParts, scopeText } from './locks/scope.ts'
export type { Logger } from './logger.ts'
export type { AliasKind, MachineInput, MachineRefInput } from './machine-ref.ts'
export type { Page, Paginator } from './paginator.ts'
export type { GetMachineOptions, ListOptions, PageOptions, ReadOptions, TimelineOptions } from './reads.ts'
export type { ObservationOptions } from './reporting-client.ts'
export { type AsOf, dateFromTimestamp, type Revision, revision, timestampFromDate } from './revision.ts'
export type {
  FinishOptions,
  LogOptions,
  Run as RunHandle,
  RunEnd,
  RunKind,
  StartRunOptions,
  TargetOutcome,
} from './run.ts'
export type { LogPiece, ReadRunLogOptions } from './run-log-reader.ts'
export type { ListRunsOptions } from './run-reads.ts'
export { firstToken } from './token-file.ts'
// Watching.
export type { WatchOptions } from './watch.ts'
export type {
  WatchChange,
  WatchEvent,
  WatchedChange,
  WatchedResource,
  WatchPosition,
  WatchProgress,
  WatchSnapshot,
  WatchSnapshotEnd,
  WatchStart,
} from './watch-event.ts'
export type { Written } from './writes.ts'
