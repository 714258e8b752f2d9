import type { Change_Type, Resource, WatchStateResponse } from '../../proto/gen/holdfast/v1/watch.ts'
import { dateFromTimestamp, type Revision } from './revision.ts'

/** A place in a watch: everything up to it was received. Plain data; keep it to resume later. */
export interface WatchPosition {
  ledgerEpoch: bigint
  revision: Revision
  /** Set in the middle of a snapshot: what was received of it. Opaque. */
  snapshotCursor: string
}

/** Where a watch begins: a {@link WatchPosition}, or the revision and epoch that a write answered. */
export type WatchStart = Omit<WatchPosition, 'snapshotCursor'> &
  Partial<Pick<WatchPosition, 'snapshotCursor'>>

/** A resource of any kind: `{ $case: 'machine', value: Machine }`, or `facet`, `service`, `instance`, `condition`, `finding`. */
export type WatchedResource = NonNullable<Resource['resource']>

/** One resource after a change. */
export interface WatchedChange {
  /**
   * `put`: it is new, has changed or has entered the filter. `removed`: it is gone or has left the filter, and
   * `resource` is its last state, which the filter refuses.
   */
  type: 'put' | 'removed'
  resource: WatchedResource
}

/** A part of the snapshot: resources as they were at `revision`. */
export interface WatchSnapshot {
  type: 'snapshot'
  resources: WatchedResource[]
  revision: Revision
  /** True in the first part of a snapshot that replaces a position that was lost: forget everything. */
  reset: boolean
  position: WatchPosition
}

/** The snapshot is whole. */
export interface WatchSnapshotEnd {
  type: 'snapshotEnd'
  revision: Revision
  position: WatchPosition
}

/** All changes of one revision that pass the filter, in the order they were made. */
export interface WatchChange {
  type: 'change'
  revision: Revision
  /** When it was committed, by the database's clock. */
  commitTime: Date
  changes: WatchedChange[]
  position: WatchPosition
}

/** Everything up to `revision` was delivered. Comes at least every 5 seconds. */
export interface WatchProgress {
  type: 'progress'
  revision: Revision
  position: WatchPosition
}

/** One step of a watch. */
export type WatchEvent = WatchSnapshot | WatchSnapshotEnd | WatchChange | WatchProgress

/** The steps in a message of the server; several revisions come in one message. Empty when it holds none. */
export function watchEvents({ step }: WatchStateResponse): WatchEvent[] {
  if (step === undefined || step.value.position === undefined) return []
  const position = step.value.position as WatchPosition
  const { revision } = position
  switch (step.$case) {
    case 'snapshot': {
      const resources = step.value.resources.map(({ resource }) => resource).filter(known)
      return [{ type: 'snapshot', resources, revision, reset: step.value.reset, position }]
    }
    case 'snapshotEnd':
      return [{ type: 'snapshotEnd', revision, position }]
    case 'progress':
      return [{ type: 'progress', revision, position }]
    case 'changes': {
      const last = step.value.revisions.length - 1
      return step.value.revisions.map((at, index): WatchChange => {
        const revision = at.revision as Revision
        return {
          type: 'change',
          revision,
          commitTime: at.commitTime ? dateFromTimestamp(at.commitTime) : new Date(0),
          changes: at.changes.flatMap(watchedChange),
          position: index === last ? position : { ...position, revision, snapshotCursor: '' },
        }
      })
    }
  }
}

// A type only: the module it is in would be loaded by every script that reports a start.
const removed: typeof Change_Type.REMOVED = 2

function watchedChange({ type, resource }: { type: Change_Type; resource: Resource | undefined }) {
  if (!known(resource?.resource)) return []
  const change: WatchedChange = {
    type: type === removed ? 'removed' : 'put',
    resource: resource.resource,
  }
  return [change]
}

/** False for a kind of resource that a newer server knows and this package does not. */
function known(resource: WatchedResource | undefined): resource is WatchedResource {
  return resource !== undefined
}
