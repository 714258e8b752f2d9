import {
  cutCommandArgs,
  type ObservedProcess,
  type ProcessObservation,
  processObservation,
} from './observed-process.ts'

/** The most processes of one observation. */
export const MAX_PROCESSES = 10_000

// An event may have 1 MiB; the rest is for the machine's reference and the framing.
const MAX_OBSERVATION_BYTES = 960 * 1_024

/**
 * The observation, cut to what one event may hold: 10,000 processes and 1 MiB. Command lines are cut first, to 1 KiB;
 * then workers go that are like their parents, of which discovery sees no more than of these; then command lines are
 * cut further. Only when that is not enough it is not complete: those that listen stay, and of the others the first.
 */
export function fitted(
  observation: Pick<ProcessObservation, 'processes' | 'unseen'>,
  maxBytes = MAX_OBSERVATION_BYTES,
): ProcessObservation {
  const { unseen } = observation
  const fits = (all: readonly ObservedProcess[]): boolean =>
    all.length <= MAX_PROCESSES && sizeOf(all) <= maxBytes
  let { processes } = observation
  for (const shorten of [withCommands(1_024), withoutWorkers, withCommands(256), withCommands(64)]) {
    if (fits(processes)) return processObservation(processes, unseen)
    processes = shorten(processes)
  }
  if (fits(processes)) return processObservation(processes, unseen)
  return processObservation(firstOf(processes, maxBytes), [...unseen, { what: 'overflow' }])
}

const withCommands =
  (maxBytes: number) =>
  (processes: ObservedProcess[]): ObservedProcess[] =>
    processes.map((one) => ({ ...one, commandArgs: cutCommandArgs(one.commandArgs, maxBytes) }))

/** A process without children and ports of its own, that runs what its parent runs. */
function withoutWorkers(processes: ObservedProcess[]): ObservedProcess[] {
  const byPid = new Map(processes.map((one) => [one.pid, one]))
  const parents = new Set(processes.map(({ parentPid }) => parentPid))
  return processes.filter((one) => {
    const parent = byPid.get(one.parentPid)
    const isWorker = parent !== undefined && parent !== one && !parents.has(one.pid) && runsAs(one, parent)
    return !isWorker
  })
}

const runsAs = (one: ObservedProcess, other: ObservedProcess): boolean =>
  one.listeningPorts.every((port) => other.listeningPorts.includes(port)) &&
  one.executablePath === other.executablePath &&
  one.userName === other.userName &&
  one.controlGroup === other.controlGroup &&
  one.commandArgs.join('\0') === other.commandArgs.join('\0')

/** So many as fit, by pid. */
function firstOf(processes: readonly ObservedProcess[], maxBytes: number): ObservedProcess[] {
  const listening = processes.filter(({ listeningPorts }) => listeningPorts.length > 0)
  const others = processes.filter(({ listeningPorts }) => listeningPorts.length === 0)
  const kept: ObservedProcess[] = []
  let bytes = 0
  for (const one of [...listening, ...others].slice(0, MAX_PROCESSES)) {
    bytes += sizeOf([one])
    if (bytes > maxBytes) break
    kept.push(one)
  }
  return kept.sort((a, b) => a.pid - b.pid)
}

// What the numbers and the framing of a process take at most in the encoded event.
const FIXED_BYTES = 80

function sizeOf(processes: readonly ObservedProcess[]): number {
  let bytes = 0
  for (const one of processes) {
    bytes += FIXED_BYTES + one.listeningPorts.length * 3
    for (const text of [
      one.executableName,
      one.executablePath,
      one.userName,
      one.controlGroup,
      one.version ?? '',
    ]) {
      bytes += Buffer.byteLength(text)
    }
    for (const arg of one.commandArgs) bytes += Buffer.byteLength(arg) + 3
  }
  return bytes
}
