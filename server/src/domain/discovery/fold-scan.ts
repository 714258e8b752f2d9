import type { Duration } from '../../../../proto/gen/google/protobuf/duration.ts'
import { type Finding, Finding_Decision, Finding_State } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { ProcessesObserved } from '../../../../proto/gen/holdfast/v1/event.ts'
import { type Process, Process as ProcessMessage } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { basisOf, isOlder, type Origin } from '../basis.ts'
import { sameProcess } from '../fold/instance-reported.ts'
import { instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import { jsonEqual } from '../json-equal.ts'
import { sameInterval } from '../report-interval.ts'
import { findingName, type InstanceKey, idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { instanceNameOf, putRunning } from './finding-instance.ts'
import { isMonitored, newFinding, stateOf, traitsOf } from './finding-state.ts'
import { type Match, matchScan } from './match-scan.ts'
import { ruleBook } from './rule-book.ts'

/** Works a list of processes into the findings of its machine, and those that are accepted into their instances. */
export function foldScan(
  state: WorkingSet,
  machine: Row<'machine'>,
  { processes: seen, complete, listComplete, interval }: ProcessesObserved,
  origin: Origin,
): void {
  const processes = complete ? seen : withKnown(state, machine, seen)
  const matches = matchScan(
    ruleBook([...state.rows.rule.values()].map(({ resource }) => resource)),
    processes,
  )
  const services = new Set([...matches.values()].map(({ service }) => service))
  // What is not there was not there in a later scan either: that it was once is no news.
  const behind = origin.effectiveAt < state.lastScanAt(machine)
  for (const row of [...state.rows.finding.values()]) {
    const finding = row.resource
    if (finding.machine !== machine.resource.name || isLate(row, origin)) continue
    if (behind && !finding.present) continue
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
  if (behind) return
  for (const match of matches.values()) {
    const place = { machine: idOf(machine.resource.name), service: match.service, slot: match.slot }
    const found = state.find('finding', findingName(place))
    if (found === undefined && isOldEnough(match, origin)) {
      const finding = findingOf(state, place, { machine, match, origin, interval })
      state.put('finding', finding, origin.effectiveAt)
    }
  }
}

/**
 * The processes of a scan that could not see all of them, each with what was known of it before: who may not look has no
 * ports and no path, and without its port a process would be taken for another of its service.
 */
function withKnown(state: WorkingSet, machine: Row<'machine'>, processes: readonly Process[]): Process[] {
  const byPid = new Map(processes.map((process) => [process.pid, process]))
  const known = new Map<Process, Process>()
  for (const { resource } of state.rows.finding.values()) {
    const { process: before, present } = resource
    if (resource.machine !== machine.resource.name || !present || before === undefined) continue
    const process = byPid.get(before.pid)
    if (process === undefined || !sameProcess(process, before)) continue
    const executable = process.executablePath === '' ? before : process
    const ports = new Set([...before.listeningPorts, ...process.listeningPorts])
    known.set(process, {
      ...process,
      executablePath: executable.executablePath,
      executableName: executable.executableName,
      version: process.version || before.version,
      listeningPorts: [...ports].sort((a, b) => a - b),
    })
  }
  return processes.map((process) => known.get(process) ?? process)
}

const NO_LABELS: Record<string, string> = {}

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
    const instance = state.find('instance', instanceNameOf(finding))
    if (isSpokenFor(finding, instance)) {
      putFinding(state, row, adopted(state, finding, origin), origin)
      putRunning(state, row.resource, { origin, ruled: NO_LABELS })
      continue
    }
    state.observe(row, origin.effectiveAt)
    if (!isMonitored(finding) || instance?.resource.state !== Instance_State.RUNNING) continue
    state.observe(instance, origin.effectiveAt)
  }
}

/** Somebody has spoken of its instance, and nobody of it. */
const isSpokenFor = ({ decideTime, decision }: Finding, instance: Row<'instance'> | undefined): boolean =>
  decision === Finding_Decision.UNSPECIFIED && decideTime === undefined && instance !== undefined

/** That it is a service is decided then. */
const adopted = (state: WorkingSet, finding: Finding, { source }: Origin): Finding => ({
  ...finding,
  decision: Finding_Decision.ACCEPTED,
  decideTime: state.nowTimestamp,
  decidedBy: source,
  decideReason: 'its instance was reported already',
  accepted: traitsOf(finding.process),
})

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
  const seen: Finding = {
    ...before,
    ...ruledBy(match),
    present: true,
    withdrawn: false,
    presentTime: before.present ? before.presentTime : timestampFromInstant(origin.effectiveAt),
    version: match.version || before.version,
    process: match.process,
    reportInterval: interval ?? before.reportInterval,
  }
  const instance = state.find('instance', instanceNameOf(before))
  putFinding(state, row, isSpokenFor(before, instance) ? adopted(state, seen, origin) : seen, origin)
  const ruled = isMonitored(before) ? before.labels : NO_LABELS
  if (isMonitored(row.resource)) putRunning(state, row.resource, { origin, ruled })
}

/** What a rule says of what it found. */
const ruledBy = ({ rule, labels, serviceKind, environment }: Match) => ({
  ...{ rule, labels, serviceKind, environment },
})

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
    before.serviceKind === seen.serviceKind &&
    before.environment === seen.environment &&
    sameInterval(before.reportInterval, seen.reportInterval) &&
    jsonEqual(before.labels, seen.labels) &&
    sameBytes(before.process, seen.process)
  if (same) state.observe(row, origin.effectiveAt)
  else state.put('finding', { ...seen, ...stateSince(before, seen, origin) }, origin.effectiveAt)
}

/** The state of a finding, and since when: as before while it stays the same. */
function stateSince(before: Finding, after: Finding, origin: Origin): Pick<Finding, 'state' | 'stateTime'> {
  const state = stateOf(after)
  return {
    state,
    stateTime: state === before.state ? before.stateTime : timestampFromInstant(origin.effectiveAt),
  }
}

function findingOf(
  state: WorkingSet,
  place: InstanceKey,
  seen: { machine: Row<'machine'>; match: Match; origin: Origin; interval: Duration | undefined },
): Finding {
  const { machine, match, origin, interval } = seen
  const since = timestampFromInstant(origin.effectiveAt)
  return {
    ...newFinding(state, machine, place),
    ...ruledBy(match),
    state: Finding_State.UNDECIDED,
    stateTime: since,
    version: match.version,
    process: match.process,
    present: true,
    presentTime: since,
    reportInterval: interval,
  }
}

function sameBytes(a: Process | undefined, b: Process | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(ProcessMessage.encode(a).finish(), ProcessMessage.encode(b).finish()) === 0
}
