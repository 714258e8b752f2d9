import type { CallOptions, Holdfast, Revision } from '@holdfast/sdk'
import type { AttributeValue, ProbeFailure } from './facet-draft.ts'
import { observeMachine } from './observe-machine.ts'
import type { ProcessObservation } from './observed-process.ts'
import { ProcessReports } from './process-reports.ts'

/** What was reported, and what could not be seen. */
export interface ReportedMachine {
  /** The id that was reported under; the server knows this machine by another if an alias says so. */
  id: string
  /** Facets that were reported. */
  facets: string[]
  /** How many processes were reported. */
  processes: number
  processesComplete: boolean
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
  const { id, allowedProbes = [], onTrouble = () => {}, ...call } = options
  const occurredAt = new Date()
  const reports = new ProcessReports({ client: holdfast, allowedProbes, onTrouble })
  const [machine, seen] = await Promise.all([observeMachine({ id }), reports.look()])
  const whole: Record<string, Record<string, AttributeValue>> = {}
  const partial: Record<string, Record<string, AttributeValue>> = {}
  for (const facet of machine.facets) (facet.complete ? whole : partial)[facet.facet] = facet.attributes
  let { revision } = await holdfast.observe(machine.identity, {
    ...call,
    ...scanOf(seen),
    occurredAt,
    facets: whole,
  })
  if (await reports.readProbes(machine.identity, seen, call)) {
    // A little later than what it takes the place of.
    const again = { ...call, ...scanOf(seen), occurredAt: new Date(occurredAt.getTime() + 1) }
    revision = (await holdfast.observe(machine.identity, again)).revision
  }
  if (Object.keys(partial).length > 0) {
    const written = await holdfast.observe(machine.identity, {
      ...call,
      occurredAt,
      facets: partial,
      complete: false,
    })
    revision = written.revision
  }
  return {
    id: machine.identity.id,
    facets: machine.facets.map((facet) => facet.facet),
    processes: seen.processes.length,
    processesComplete: seen.complete,
    failures: machine.failures,
    revision,
  }
}

const scanOf = ({ processes, complete, listComplete }: ProcessObservation) => ({
  processes,
  processesComplete: complete,
  processesListed: listComplete,
})
