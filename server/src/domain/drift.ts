import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { Instance_State } from '../../../proto/gen/holdfast/v1/service.ts'
import { VersionCell_Drift } from '../../../proto/gen/holdfast/v1/version.ts'
import { instantFromTimestamp } from './instant.ts'
import { compareVersions } from './version-order.ts'

/** What is known of the versions of one service on one machine. Empty text: not told. */
export interface Versions {
  declared: string
  deployed: string
  running: string
  state: Instance_State
}

/**
 * How declared, deployed and running version stand to each other. The first that holds:
 * UNKNOWN, no version was ever told; BEHIND or AHEAD, what is deployed (or else runs) is older or newer than
 * declared; UNRESTARTED, it runs another version than was deployed; UNDECLARED; MISSING, deployed and not
 * running; NONE.
 */
export function driftOf({ declared, deployed, running, state }: Versions): VersionCell_Drift {
  if (deployed === '' && running === '') return VersionCell_Drift.UNKNOWN
  if (declared !== '') {
    const order = compareVersions(deployed === '' ? running : deployed, declared)
    if (order !== 0) return order < 0 ? VersionCell_Drift.BEHIND : VersionCell_Drift.AHEAD
  }
  const runs = state === Instance_State.RUNNING
  if (runs && deployed !== '' && running !== '' && compareVersions(deployed, running) !== 0) {
    return VersionCell_Drift.UNRESTARTED
  }
  if (declared === '') return VersionCell_Drift.UNDECLARED
  return !runs && deployed !== '' ? VersionCell_Drift.MISSING : VersionCell_Drift.NONE
}

/** When what a drift may rest on began. */
export interface VersionTimes {
  declared: Timestamp | undefined
  deployed: Timestamp | undefined
  /** When it started, stopped or vanished. */
  state: Timestamp | undefined
  abandoned: Timestamp | undefined
}

/** Since when a drift holds: the time of the last of what it rests on. */
export function driftSince(drift: VersionCell_Drift, times: VersionTimes): Timestamp | undefined {
  const { declared, deployed, state, abandoned } = times
  switch (drift) {
    case VersionCell_Drift.UNCERTAIN:
      return abandoned
    case VersionCell_Drift.UNRESTARTED:
      return deployed
    case VersionCell_Drift.BEHIND:
    case VersionCell_Drift.AHEAD:
      return latest([declared, deployed ?? state])
    case VersionCell_Drift.UNDECLARED:
      return deployed ?? state
    default:
      return latest([declared, deployed, state])
  }
}

const latest = (times: readonly (Timestamp | undefined)[]): Timestamp | undefined =>
  times
    .filter((time) => time !== undefined)
    .reduce<Timestamp | undefined>(
      (a, b) => (a !== undefined && instantFromTimestamp(a) > instantFromTimestamp(b) ? a : b),
      undefined,
    )
