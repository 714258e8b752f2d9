import type { ListVersionProbesResponse } from '../../../proto/gen/holdfast/v1/discovery_service.ts'
import type { MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import { matchScan } from '../domain/discovery/match-scan.ts'
import { ruleBook } from '../domain/discovery/rule-book.ts'
import { listRules } from '../store/list-rules.ts'
import { scanOf } from '../store/scan-of.ts'
import type { Store } from '../store/store.ts'

const MAX_PROBES = 1_000

/** Where the rules say that versions are to be read on a machine. */
export async function versionProbes(store: Store, machine: MachineRef): Promise<ListVersionProbesResponse> {
  const rules = ruleBook(await listRules(store))
  // Mostly no rule names any, and then no scan is looked at.
  if (!rules.some(({ rule }) => rule.versionFile !== '' || rule.versionCommand !== '')) return { probes: [] }
  const scan = await scanOf(store, machine)
  if (scan === undefined) return { probes: [] }
  const named = [...matchScan(rules, scan.processes).values()].filter(
    ({ versionFile, versionCommand }) => versionFile !== '' || versionCommand !== '',
  )
  const probes = named.map(({ process, versionFile, versionCommand, rule }) => ({
    ...{ pid: process.pid, creationTime: process.creationTime, rule },
    ...{ file: versionFile, command: versionCommand },
  }))
  return { probes: probes.slice(0, MAX_PROBES) }
}
