import {
  type CallOptions,
  DeadlineExceededError,
  event,
  type Holdfast,
  type OutgoingEvent,
  type Revision,
  UnavailableError,
} from '@holdfast/sdk'
import type { AttributeValue, ProbeFailure } from './facet-draft.ts'
import { observeMachine } from './observe-machine.ts'
import type { ProcessObservation, Unseen } from './observed-process.ts'
import { ProcessReports } from './process-reports.ts'

/** What was reported, and what could not be seen. */
export interface ReportedMachine {
  /** The id that was reported under; the server knows this machine by another if an alias says so. */
  id: string
  /** Facets that were reported. */
  facets: string[]
  /** How many processes were reported. */
  processes: number
  /** Whether no process is missing, and which ports each has is known. */
  processesComplete: boolean
  /** Whether no process is missing. */
  processesListed: boolean
  /** What could not be seen of processes. */
  unseen: Unseen[]
  /** Probes that gave no answer: their facets were reported as incomplete. */
  failures: ProbeFailure[]
  /** A read at this revision sees the report. */
  revision: Revision
}

export interface ReportOnceOptions extends CallOptions {
  /** The id to report under. @defaultValue the short host name */
  id?: string | undefined
  /** Directories of programs and files that rules may name for versions. @defaultValue none */
  allowedProbes?: readonly string[] | undefined
  /** How long a program or file has to tell a version, in milliseconds. @defaultValue 2,000 */
  probeMs?: number | undefined
  /** Takes what was seen when the server cannot be reached, before the rejection that says so. */
  keep?: ((seen: OutgoingEvent[]) => void) | undefined
  /** Hears what a rule names that gives no version. */
  onTrouble?: ((message: string) => void) | undefined
}

/**
 * Looks at this machine and its processes and reports both. Everything reported is durable when the promise
 * resolves. Rejects as {@link Holdfast.observe} does.
 */
export async function reportOnce(
  holdfast: Holdfast,
  options: ReportOnceOptions = {},
): Promise<ReportedMachine> {
  const { id, allowedProbes = [], probeMs, onTrouble = () => {}, keep, ...call } = options
  const occurredAt = new Date()
  const reports = new ProcessReports({ client: holdfast, allowedProbes, probeMs, onTrouble })
  const [machine, seen] = await Promise.all([observeMachine({ id }), reports.look()])
  const whole: Record<string, Record<string, AttributeValue>> = {}
  const partial: Record<string, Record<string, AttributeValue>> = {}
  for (const facet of machine.facets) (facet.complete ? whole : partial)[facet.facet] = facet.attributes
  const first = { ...scanOf(seen), occurredAt, facets: whole }
  const rest = { occurredAt, facets: partial, complete: false }
  const written = await holdfast.observe(machine.identity, { ...call, ...first }).catch((error: unknown) => {
    if (error instanceof UnavailableError || error instanceof DeadlineExceededError) {
      const { processes, complete, listComplete } = seen
      keep?.([
        event.observed(machine.identity, first),
        event.processes(machine.identity, processes, { occurredAt, complete, listComplete }),
        ...(Object.keys(partial).length > 0 ? [event.observed(machine.identity, rest)] : []),
      ])
    }
    throw error
  })
  let { revision } = written
  if (await reports.readProbes(machine.identity, seen, call)) {
    // A little later than what it takes the place of.
    const again = { ...call, ...scanOf(seen), occurredAt: new Date(occurredAt.getTime() + 1) }
    revision = (await holdfast.observe(machine.identity, again)).revision
  }
  if (Object.keys(partial).length > 0) {
    revision = (await holdfast.observe(machine.identity, { ...call, ...rest })).revision
  }
  return {
    id: machine.identity.id,
    facets: machine.facets.map((facet) => facet.facet),
    processes: seen.processes.length,
    processesComplete: seen.complete,
    processesListed: seen.listComplete,
    unseen: seen.unseen,
    failures: machine.failures,
    revision,
  }
}

const scanOf = ({ processes, complete, listComplete }: ProcessObservation) => ({
  processes,
  processesComplete: complete,
  processesListed: listComplete,
})
