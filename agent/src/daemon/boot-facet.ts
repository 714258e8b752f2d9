import type { ObservedFacet } from '../facet-draft.ts'
import { kernelText } from '../kernel-file.ts'

/** When the machine came up: a facet of its own, so that each boot is one change on the timeline. Linux only. */
export async function bootFacet(): Promise<ObservedFacet | undefined> {
  const id = await kernelText('/proc/sys/kernel/random/boot_id').catch(() => undefined)
  const stat = await kernelText('/proc/stat').catch(() => undefined)
  const seconds = Number(/^btime (\d+)/m.exec(stat ?? '')?.[1] ?? Number.NaN)
  if (id === undefined || Number.isNaN(seconds)) return undefined
  const attributes = { 'host.boot.id': id, 'host.boot.time': new Date(seconds * 1_000).toISOString() }
  return { facet: 'boot', attributes, complete: true, failures: [] }
}
