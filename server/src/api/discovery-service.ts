import { setImmediate } from 'node:timers/promises'
import { Finding_Decision } from '../../../proto/gen/holdfast/v1/discovery.ts'
import type {
  DiscoveryServiceService,
  SimulateRuleRequest,
  SimulateRuleResponse,
} from '../../../proto/gen/holdfast/v1/discovery_service.ts'
import type { Process } from '../../../proto/gen/holdfast/v1/machine.ts'
import { type ChangedRule, ChangeRule, type RuleChange } from '../domain/discovery/change-rule.ts'
import { matchScan } from '../domain/discovery/match-scan.ts'
import { RefoldScan } from '../domain/discovery/refold-scan.ts'
import { ResolveFinding } from '../domain/discovery/resolve-finding.ts'
import { CompiledRule } from '../domain/discovery/rule.ts'
import { allRules, compiledRule, isActive } from '../domain/discovery/rule-book.ts'
import { ruleViolations } from '../domain/discovery/rule-violations.ts'
import { type FieldViolation, refuseViolations } from '../domain/error.ts'
import { machineChecks } from '../domain/event-validation.ts'
import {
  findingNameViolation,
  machineNameViolation,
  parseFindingName,
  proseViolation,
  REASON,
  ruleNameViolation,
} from '../domain/resource-name.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { listRules } from '../store/list-rules.ts'
import { machinesFoundBy } from '../store/machines-found-by.ts'
import type { Store } from '../store/store.ts'
import { walkScans } from '../store/walk-scans.ts'
import type { CallContext, Handlers } from './handler.ts'
import { listPage } from './list-request.ts'
import { versionProbes } from './version-probes.ts'

const MAX_MACHINES = 10_000
const MAX_MATCHES = 200
const MAX_COMMAND_LINE = 256

/** What discovery found, and what is decided about it. */
export function discoveryService({
  store,
  ledger,
}: {
  store: Store
  ledger: Ledger
}): Handlers<typeof DiscoveryServiceService> {
  return {
    listFindings: (request) => listPage(store, request, { method: 'ListFindings', kind: 'finding' }),

    async resolveFinding({ name, decision, etag, reason }, { principal, signal }) {
      const known = decision in NAMES
      refuseViolations([
        findingNameViolation('name', name),
        proseViolation('reason', reason, REASON),
        known ? undefined : { field: 'decision', description: 'is none of ACCEPTED, IGNORED, ENFORCED' },
      ])
      const key = parseFindingName(name)!
      return await ledger.submit(new ResolveFinding({ key, decision, etag, reason, principal }), signal)
    },

    async listDiscoveryRules() {
      return { rules: allRules(await listRules(store)).filter(({ deleteTime }) => deleteTime === undefined) }
    },

    async putDiscoveryRule({ rule, etag, reason }, context) {
      refuseViolations([
        ...(rule === undefined
          ? [{ field: 'rule', description: 'is required' }]
          : [ruleNameViolation('rule.name', rule.name), ...ruleViolations('rule', rule)]),
        proseViolation('reason', reason, REASON),
      ])
      const change = { name: rule!.name, rule, etag, reason, method: 'PutDiscoveryRule' } as const
      const changed = await changeRule({ store, ledger }, change, context)
      return { rule: changed.rule, revision: changed.revision, machineCount: changed.machineCount }
    },

    async deleteDiscoveryRule({ name, etag, reason }, context) {
      refuseViolations([ruleNameViolation('name', name), proseViolation('reason', reason, REASON)])
      const change = { name, rule: undefined, etag, reason, method: 'DeleteDiscoveryRule' } as const
      const { rule, revision } = await changeRule({ store, ledger }, change, context)
      return { rule, revision }
    },

    simulateRule: (request, { signal }) => simulate(store, request, signal),

    async listVersionProbes({ machine }) {
      const checks: (FieldViolation | undefined)[] = []
      machineChecks('machine', machine, checks)
      refuseViolations(checks)
      return versionProbes(store, machine!)
    },
  }
}

const NAMES: Record<number, true> = Object.fromEntries(
  [0, Finding_Decision.ACCEPTED, Finding_Decision.IGNORED, Finding_Decision.ENFORCED].map((n) => [n, true]),
)

/**
 * Changes a rule, and works the stored scans that it is or was about into the findings again. Once the rule is changed
 * this goes on to its end, also when the caller does not wait for it. Where the server itself ended, the same change
 * again finds `before` to be the new rule: what the old one found is known by its findings.
 */
async function changeRule(
  { store, ledger }: { store: Store; ledger: Ledger },
  change: Omit<RuleChange, 'principal'>,
  { principal, signal }: CallContext,
): Promise<ChangedRule & { machineCount: number }> {
  const changed = await ledger.submit(new ChangeRule({ ...change, principal }), signal)
  const about = [changed.rule, changed.before].filter((rule) => rule !== undefined && isActive(rule))
  const rules = about.map((rule) => compiledRule(rule!))
  const found = await machinesFoundBy(store, change.name)
  let machineCount = 0
  for await (const { machine, scan } of walkScans(store, { machine: undefined, limit: MAX_MACHINES })) {
    // Others are served between two machines: 10,000 of them take seconds.
    await setImmediate()
    const isAbout = (process: Process) => rules.some((rule) => rule.judge(process) !== undefined)
    if (!found.has(machine) && !scan.processes.some(isAbout)) continue
    await ledger.submit(new RefoldScan(machine, scan, principal))
    machineCount++
  }
  return { ...changed, machineCount }
}

async function simulate(
  store: Store,
  { rule, machine }: SimulateRuleRequest,
  signal: AbortSignal,
): Promise<SimulateRuleResponse> {
  refuseViolations([
    ...(rule === undefined ? [{ field: 'rule', description: 'is required' }] : ruleViolations('rule', rule)),
    machine === '' ? undefined : machineNameViolation('machine', machine),
  ])
  const rules = [new CompiledRule(rule!)]
  const answer: SimulateRuleResponse = { matches: [], matchCount: 0, machineCount: 0 }
  const scans = walkScans(store, { machine: machine || undefined, limit: MAX_MACHINES })
  for await (const { machine, scan } of scans) {
    signal.throwIfAborted()
    answer.machineCount++
    for (const { service, slot, version, process } of matchScan(rules, scan.processes).values()) {
      answer.matchCount++
      if (answer.matches.length >= MAX_MATCHES) continue
      const commandLine = process.commandArgs.join(' ').slice(0, MAX_COMMAND_LINE)
      answer.matches.push({ machine, service, slot, version, commandLine, pid: process.pid })
    }
    await setImmediate()
  }
  return answer
}
