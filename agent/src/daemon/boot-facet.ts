import type { ObservedFacet } from '../facet-draft.ts'
import { kernelText } from '../kernel-file.ts'
import { runProbe } from '../run-probe.ts'

/** How the time of an agent on a machine came to its end. */
export interface AgentEnd {
  at: Date
  /** Whether the machine goes down as well, as far as that can be known. */
  machineStops: boolean
}

/**
 * When the machine came up: a facet of its own, so that each boot is one change on the timeline. With the end of the
 * agent in it, it tells why nothing more is heard: the boot id then says whether the machine was booted anew, or only
 * its agent. Linux only.
 */
export async function bootFacet(end?: AgentEnd): Promise<ObservedFacet | undefined> {
  const id = await kernelText('/proc/sys/kernel/random/boot_id').catch(() => undefined)
  const stat = await kernelText('/proc/stat').catch(() => undefined)
  const seconds = Number(/^btime (\d+)/m.exec(stat ?? '')?.[1] ?? Number.NaN)
  if (id === undefined || Number.isNaN(seconds)) return undefined
  const attributes = {
    'host.boot.id': id,
    'host.boot.time': new Date(seconds * 1_000).toISOString(),
    ...(end === undefined ? {} : { 'holdfast.agent.stop_time': end.at.toISOString() }),
    ...(end?.machineStops ? { 'host.shutdown.time': end.at.toISOString() } : {}),
  }
  return { facet: 'boot', attributes, complete: true, failures: [] }
}

/** Whether systemd is bringing the machine down. False where there is no systemd. */
export async function machineIsStopping(systemctl = 'systemctl', timeoutMs = 1_000): Promise<boolean> {
  const asked = await runProbe(systemctl, ['is-system-running'], { timeoutMs })
  return 'output' in asked && asked.output.trim() === 'stopping'
}
