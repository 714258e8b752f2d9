import type { CallOptions, Holdfast, Revision } from '@holdfast/sdk'
import type { AttributeValue, ProbeFailure } from './facet-draft.ts'
import { observeMachine } from './observe-machine.ts'
import { observeProcesses } from './observe-processes.ts'
import { readVersions } from './program-version.ts'

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
}

/**
 * Looks at this machine and its processes and reports both. Everything reported is durable when the promise
 * resolves. Rejects as {@link Holdfast.observe} does.
 */
export async function reportOnce(
  holdfast: Holdfast,
  options: ReportOnceOptions = {},
): Promise<ReportedMachine> {
  const { id, ...call } = options
  const occurredAt = new Date()
  const [machine, seen] = await Promise.all([observeMachine({ id }), observeProcesses()])
  await readVersions(seen.processes)
  const whole: Record<string, Record<string, AttributeValue>> = {}
  const partial: Record<string, Record<string, AttributeValue>> = {}
  for (const facet of machine.facets) (facet.complete ? whole : partial)[facet.facet] = facet.attributes
  let { revision } = await holdfast.observe(machine.identity, {
    ...call,
    occurredAt,
    facets: whole,
    processes: seen.processes,
    processesComplete: seen.complete,
    processesListed: seen.listComplete,
  })
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
