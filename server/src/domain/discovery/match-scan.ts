import type { Process } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { MAIN_SLOT } from '../resource-name.ts'
import { type CompiledRule, namesOf, type Verdict } from './rule.ts'

/** A service in a scan, with the process that stands for it. */
export interface Match extends Verdict {
  process: Process
}

/**
 * The services in a list of processes, by `service~slot`. Each process belongs to the first rule that matches it. A
 * process whose parent is of the same service belongs to its parent's, so that a daemon with its workers is one; of
 * several at one place the one that started first stands for it.
 */
export function matchScan(rules: readonly CompiledRule[], processes: readonly Process[]): Map<string, Match> {
  const verdicts = new Map<bigint, Verdict>()
  for (const process of processes) {
    const verdict = judge(rules, process)
    if (verdict !== undefined && verdict.service !== '') verdicts.set(process.pid, verdict)
  }
  const matches = new Map<string, Match>()
  for (const process of processes) {
    const verdict = verdicts.get(process.pid)
    if (verdict === undefined) continue
    const parent = verdicts.get(process.parentPid)
    if (process.parentPid !== process.pid && parent?.service === verdict.service) continue
    const slot = verdict.slot || MAIN_SLOT
    const key = `${verdict.service}~${slot}`
    const other = matches.get(key)
    if (other === undefined || startsBefore(process, other.process)) {
      matches.set(key, { ...verdict, slot, process: { ...process, residentBytes: 0n } })
    }
  }
  return matches
}

function judge(rules: readonly CompiledRule[], process: Process): Verdict | undefined {
  const called = namesOf(process)
  for (const rule of rules) {
    const verdict = rule.judge(process, called)
    if (verdict !== undefined) return verdict
  }
  return undefined
}

function startsBefore(a: Process, b: Process): boolean {
  const [from, to] = [a.creationTime, b.creationTime]
  if (from === undefined || to === undefined || from.seconds === to.seconds) return a.pid < b.pid
  return from.seconds < to.seconds
}
