import type { Duration } from '../../../../proto/gen/google/protobuf/duration.ts'
import { type Finding, Finding_Decision, Finding_State } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { ProcessesObserved } from '../../../../proto/gen/holdfast/v1/event.ts'
import { type Process, Process as ProcessMessage } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { type Instance, Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { basisOf, isOlder, type Origin } from '../basis.ts'
import { sameProcess } from '../fold/instance-reported.ts'
import { instanceAt, resolveService } from '../fold/resource.ts'
import { withSeenVersion } from '../fold/seen-version.ts'
import { instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import { sameInterval } from '../report-interval.ts'
import { findingName, idOf, instanceName } from '../resource-name.ts'
import type { Row, WorkingSet } from '../working-set.ts'
import { isMonitored, stateOf, traitsOf } from './finding-state.ts'
import { type Match, matchScan } from './match-scan.ts'
import { ruleBook } from './rule-book.ts'

/** Works a list of processes into the findings of its machine, and those that are accepted into their instances. */
export function foldScan(
  state: WorkingSet,
  machine: Row<'machine'>,
  { processes, complete, listComplete, interval }: ProcessesObserved,
  origin: Origin,
): void {
  const matches = matchScan(
    ruleBook([...state.rows.rule.values()].map(({ resource }) => resource)),
    processes,
  )
  const services = new Set([...matches.values()].map(({ service }) => service))
  for (const row of [...state.rows.finding.values()]) {
    const finding = row.resource
    if (finding.machine !== machine.resource.name || isLate(row, origin)) continue
    const key = `${finding.service}~${finding.slot}`
    const match = matches.get(key)
    matches.delete(key)
    if (match !== undefined) seeAgain(state, row, { match, origin, interval })
    else if (finding.present && processes.some((process) => sameProcess(process, finding.process))) {
      withdraw(state, row, origin)
    }
    // Absence counts only when everything was seen, or at least everything that this could be.
    else if (finding.present && (complete || (listComplete && !services.has(finding.service)))) {
      loseSight(state, row, origin)
    }
  }
  for (const match of matches.values()) {
    const place = { machine: idOf(machine.resource.name), service: match.service, slot: match.slot }
    const found = state.find('finding', findingName(place))
    if (found === undefined && isOldEnough(match, origin)) {
      state.put('finding', newFinding(state, { machine, match, origin }), origin.effectiveAt)
    }
  }
}

/** What comes and goes is not worth a finding. */
function isOldEnough({ process, minAgeSeconds }: Match, { effectiveAt }: Origin): boolean {
  if (minAgeSeconds === 0 || process.creationTime === undefined) return true
  return instantFromTimestamp(process.creationTime) + BigInt(minAgeSeconds) * 1_000_000n <= effectiveAt
}

/** What was found on a machine, and is there, is seen again as it was. */
export function seeFindings(state: WorkingSet, machine: Row<'machine'>, origin: Origin): void {
  for (const row of state.rows.finding.values()) {
    const finding = row.resource
    if (finding.machine !== machine.resource.name || !finding.present || isLate(row, origin)) continue
    state.observe(row, origin.effectiveAt)
    const instance = state.find('instance', instanceNameOf(finding))
    if (!isMonitored(finding) || instance?.resource.state !== Instance_State.RUNNING) continue
    state.observe(instance, origin.effectiveAt)
  }
}

/** A scan that is older than what the finding rests on says nothing of it. */
function isLate({ resource, observedAt }: Row<'finding'>, { effectiveAt }: Origin): boolean {
  const { presentTime } = resource
  return (
    effectiveAt < observedAt || (presentTime !== undefined && effectiveAt < instantFromTimestamp(presentTime))
  )
}

function seeAgain(
  state: WorkingSet,
  row: Row<'finding'>,
  { match, origin, interval }: { match: Match; origin: Origin; interval: Duration | undefined },
): void {
  const before = row.resource
  const instance = state.find('instance', instanceNameOf(before))
  let seen: Finding = {
    ...before,
    present: true,
    withdrawn: false,
    presentTime: before.present ? before.presentTime : timestampFromInstant(origin.effectiveAt),
    rule: match.rule,
    version: match.version || before.version,
    process: match.process,
  }
  // Somebody has spoken of this instance, so that it is a service is decided.
  if (
    seen.decision === Finding_Decision.UNSPECIFIED &&
    instance !== undefined &&
    before.decideTime === undefined
  ) {
    seen = {
      ...seen,
      decision: Finding_Decision.ACCEPTED,
      decideTime: state.nowTimestamp,
      decidedBy: origin.source,
      decideReason: 'its instance was reported already',
      accepted: traitsOf(match.process),
    }
  }
  putFinding(state, row, seen, origin)
  if (isMonitored(row.resource)) putRunning(state, row.resource, origin, interval)
}

/** Its process is there, and no rule takes it for this any more: that says nothing of the instance. */
function withdraw(state: WorkingSet, row: Row<'finding'>, origin: Origin): void {
  const before = row.resource
  const presentTime = timestampFromInstant(origin.effectiveAt)
  const after = { ...before, present: false, withdrawn: true, presentTime }
  state.put('finding', { ...after, ...stateSince(before, after, origin) }, row.observedAt)
}

function loseSight(state: WorkingSet, row: Row<'finding'>, origin: Origin): void {
  const before = row.resource
  const lost = { ...before, present: false, presentTime: timestampFromInstant(origin.effectiveAt) }
  state.put('finding', { ...lost, ...stateSince(before, lost, origin) }, row.observedAt)
  const instance = state.find('instance', instanceNameOf(before))
  if (!isMonitored(before) || instance?.resource.state !== Instance_State.RUNNING) return
  if (isOlder(origin, instance.resource.runningBasis, instance.observedAt)) return
  state.put('instance', {
    ...instance.resource,
    state: Instance_State.VANISHED,
    stateTime: timestampFromInstant(origin.effectiveAt),
    runningBasis: basisOf(origin),
  })
}

function putFinding(state: WorkingSet, row: Row<'finding'>, seen: Finding, origin: Origin): void {
  const before = row.resource
  const same =
    before.present &&
    before.rule === seen.rule &&
    before.version === seen.version &&
    before.decision === seen.decision &&
    sameBytes(before.process, seen.process)
  if (same) state.observe(row, origin.effectiveAt)
  else state.put('finding', { ...seen, ...stateSince(before, seen, origin) }, origin.effectiveAt)
}

/** Brings the instance of an accepted finding up to what is seen. */
export function putRunning(state: WorkingSet, finding: Finding, origin: Origin, interval?: Duration): void {
  const machine = state.find('machine', finding.machine)!
  resolveService(state, finding.service)
  const { row, instance } = instanceAt(state, machine, finding)
  if (row !== undefined && isOlder(origin, instance.runningBasis, row.observedAt)) return
  const running = instance.state === Instance_State.RUNNING
  // Who started it may not have told the process, and then this is it.
  const goesOn = running && (instance.process === undefined || sameProcess(instance.process, finding.process))
  // A script knows better than a look at the executable which version it started.
  const version = (goesOn && instance.runningVersion) || finding.version || instance.runningVersion
  const reportInterval = interval ?? instance.reportInterval
  const often = sameInterval(reportInterval, instance.reportInterval)
  if (
    row !== undefined &&
    often &&
    goesOn &&
    instance.process !== undefined &&
    version === instance.runningVersion
  ) {
    state.observe(row, origin.effectiveAt)
    return
  }
  const next: Instance = {
    ...(goesOn ? instance : withSeenVersion(instance, finding.version, origin)),
    state: Instance_State.RUNNING,
    stateTime: goesOn
      ? instance.stateTime
      : (finding.process?.creationTime ?? timestampFromInstant(origin.effectiveAt)),
    runningVersion: version,
    process: finding.process,
    exitCode: undefined,
    reportInterval,
    runningBasis: basisOf(origin),
  }
  state.put('instance', next, origin.effectiveAt)
}

const instanceNameOf = ({ machine, service, slot }: Finding): string =>
  instanceName({ machine: idOf(machine), service, slot })

/** The state of a finding, and since when: as before while it stays the same. */
function stateSince(before: Finding, after: Finding, origin: Origin): Pick<Finding, 'state' | 'stateTime'> {
  const state = stateOf(after)
  return {
    state,
    stateTime: state === before.state ? before.stateTime : timestampFromInstant(origin.effectiveAt),
  }
}

function newFinding(
  state: WorkingSet,
  { machine, match, origin }: { machine: Row<'machine'>; match: Match; origin: Origin },
): Finding {
  const { service, slot } = match
  return {
    name: findingName({ machine: idOf(machine.resource.name), service, slot }),
    uid: state.newUid(),
    etag: '',
    createTime: undefined,
    updateTime: undefined,
    revision: 0n,
    machine: machine.resource.name,
    service,
    slot,
    state: Finding_State.UNDECIDED,
    stateTime: timestampFromInstant(origin.effectiveAt),
    decision: Finding_Decision.UNSPECIFIED,
    decideTime: undefined,
    decidedBy: '',
    decideReason: '',
    rule: match.rule,
    version: match.version,
    process: match.process,
    present: true,
    withdrawn: false,
    presentTime: timestampFromInstant(origin.effectiveAt),
    accepted: undefined,
    observedTime: undefined,
  }
}

function sameBytes(a: Process | undefined, b: Process | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(ProcessMessage.encode(a).finish(), ProcessMessage.encode(b).finish()) === 0
}
