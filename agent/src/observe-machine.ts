import type { ObservedFacet, ProbeFailure } from './facet-draft.ts'
import { observeHardware } from './hardware-facet.ts'
import type { MachineIdentity } from './machine-identity.ts'
import { machineIdentity } from './machine-identity.ts'
import { observeNetwork } from './network-facet.ts'
import { observeOs } from './os-facet.ts'

/** A look at this machine. */
export interface MachineObservation {
  identity: MachineIdentity
  /** `hardware`, `os` and `network`, each complete or not by itself. */
  facets: ObservedFacet[]
  /** Probes that gave no answer. */
  failures: ProbeFailure[]
}

export interface ObserveMachineOptions {
  /** The id to report under. @defaultValue the short host name */
  id?: string | undefined
}

/**
 * Looks at this machine: hardware, operating system and network, by OpenTelemetry's attribute names.
 *
 * Only what lasts is in it: no uptime, free memory, load or disk usage, so that two looks at a machine that
 * nobody changed are equal. Works as root or not, in containers, and without lsblk, lscpu or dmidecode. Never
 * rejects and takes at most about five seconds: a probe that fails or hangs leaves out its own attributes and
 * makes its facet incomplete.
 */
export async function observeMachine(options: ObserveMachineOptions = {}): Promise<MachineObservation> {
  const [hardware, os, network] = await Promise.all([observeHardware(), observeOs(), observeNetwork()])
  const facets = [hardware, os, network]
  const fqdn = os.attributes['host.fqdn']
  const addresses = network.attributes['host.ip']
  return {
    identity: machineIdentity(
      {
        fqdn: typeof fqdn === 'string' ? fqdn : undefined,
        addresses: Array.isArray(addresses) ? addresses.filter((one) => typeof one === 'string') : undefined,
      },
      options.id,
    ),
    facets,
    failures: facets.flatMap((facet) => facet.failures),
  }
}
