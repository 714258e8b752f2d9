import type { DiscoveryRule, Finding } from '../../proto/gen/holdfast/v1/discovery.ts'
import type {
  ListVersionProbesResponse_VersionProbe,
  SimulateRuleResponse,
} from '../../proto/gen/holdfast/v1/discovery_service.ts'
import type { ChangeOptions } from './changes.ts'
import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { type MachineInput, machineRef, nameOf } from './machine-ref.ts'
import { Paginator } from './paginator.ts'
import { isBeginning, type ListOptions, listFields, pageOf, present } from './reads.ts'
import type { Revision } from './revision.ts'
import { rpc } from './rpc.ts'

/** What can be decided about a finding. `undecided` takes the decision back. */
export type FindingDecision = 'undecided' | 'accepted' | 'ignored' | 'enforced'

/** A finding after a decision. */
export interface ResolvedFinding {
  finding: Finding
  /** The revision of the change; the last one if nothing changed. A read at it sees the change. */
  revision: Revision
}

/** A rule after a change. */
export interface ChangedDiscoveryRule {
  rule: DiscoveryRule
  /** The revision of the change; the last one if nothing changed. A read at it sees the change. */
  revision: Revision
  /** How many machines' stored scans it was applied to; not told when it was deleted. */
  machines: number | undefined
}

/** A rule: only what it says. */
export type RuleInput = Partial<
  Omit<
    DiscoveryRule,
    'name' | 'builtin' | 'deleteTime' | 'uid' | 'etag' | 'createTime' | 'updateTime' | 'revision'
  >
>

/** What {@link Holdfast.simulateRule} takes. */
export interface SimulateRuleOptions extends CallOptions {
  /** Only this machine. @defaultValue all, at most 10,000 */
  machine?: string | undefined
}

const decisions = { undecided: 0, accepted: 1, ignored: 2, enforced: 3 } as const

const discoveryService = async () =>
  (await import('../../proto/gen/holdfast/v1/discovery_service.ts')).DiscoveryServiceDefinition

export function listFindings(connection: Connection, options: ListOptions): Paginator<Finding> {
  return new Paginator(async (pageToken) => {
    if (await isBeginning(connection, options)) return pageOf([], { revision: 0n, nextPageToken: '' })
    const { methods, fullName } = await discoveryService()
    const request = listFields(options, pageToken)
    const page = await connection.unary(rpc({ fullName }, methods.listFindings), request, options)
    return pageOf(page.findings, page)
  })
}

export async function resolveFinding(
  connection: Connection,
  name: string,
  { decision, ...options }: ChangeOptions & { decision: FindingDecision },
): Promise<ResolvedFinding> {
  const definition = await discoveryService()
  const { etag = '', reason = '' } = options
  const request = { name: nameOf('findings', name), decision: decisions[decision], etag, reason }
  const method = rpc(definition, definition.methods.resolveFinding)
  const { finding, revision } = await connection.unary(method, request, options)
  return { finding: present(finding), revision: revision as Revision }
}

export async function listDiscoveryRules(
  connection: Connection,
  options: CallOptions,
): Promise<DiscoveryRule[]> {
  const definition = await discoveryService()
  const method = rpc(definition, definition.methods.listDiscoveryRules)
  return (await connection.unary(method, {}, options)).rules
}

export async function putDiscoveryRule(
  connection: Connection,
  name: string,
  { rule, ...options }: ChangeOptions & { rule: RuleInput },
): Promise<ChangedDiscoveryRule> {
  const definition = await discoveryService()
  const { etag = '', reason = '' } = options
  const request = { rule: wholeRule(nameOf('discoveryRules', name), rule), etag, reason }
  const method = rpc(definition, definition.methods.putDiscoveryRule)
  const answer = await connection.unary(method, request, options)
  return { rule: present(answer.rule), revision: answer.revision as Revision, machines: answer.machineCount }
}

export async function deleteDiscoveryRule(
  connection: Connection,
  name: string,
  options: ChangeOptions,
): Promise<ChangedDiscoveryRule> {
  const definition = await discoveryService()
  const { etag = '', reason = '' } = options
  const request = { name: nameOf('discoveryRules', name), etag, reason }
  const method = rpc(definition, definition.methods.deleteDiscoveryRule)
  const { rule, revision } = await connection.unary(method, request, options)
  return { rule: present(rule), revision: revision as Revision, machines: undefined }
}

export async function simulateRule(
  connection: Connection,
  rule: RuleInput,
  options: SimulateRuleOptions,
): Promise<SimulateRuleResponse> {
  const definition = await discoveryService()
  const machine = options.machine === undefined ? '' : nameOf('machines', options.machine)
  const method = rpc(definition, definition.methods.simulateRule)
  return await connection.unary(method, { rule: wholeRule('', rule), machine }, options)
}

export async function listVersionProbes(
  connection: Connection,
  machine: MachineInput,
  options: CallOptions,
): Promise<ListVersionProbesResponse_VersionProbe[]> {
  const definition = await discoveryService()
  const method = rpc(definition, definition.methods.listVersionProbes)
  return (await connection.unary(method, { machine: machineRef(machine) }, options)).probes
}

function wholeRule(name: string, rule: RuleInput): DiscoveryRule {
  return {
    name,
    description: '',
    priority: 0,
    executables: [],
    argvPattern: '',
    users: [],
    controlGroupPattern: '',
    listeningPorts: [],
    serviceTemplate: '',
    slotTemplate: '',
    versionTemplate: '',
    versionFile: '',
    versionCommand: '',
    environmentTemplate: '',
    serviceKind: '',
    labels: {},
    defaultPort: 0,
    minAgeSeconds: 0,
    builtin: false,
    disabled: false,
    deleteTime: undefined,
    uid: '',
    etag: '',
    createTime: undefined,
    updateTime: undefined,
    revision: 0n,
    ...rule,
  }
}
