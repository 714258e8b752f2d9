import { DiscoveryRule } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { printAnswer } from '../output/answer.ts'
import { printChanged } from '../output/changed-line.ts'
import { type Cell, Table } from '../output/table.ts'
import { UsageError } from '../usage-error.ts'

/** `holdfast rules`. */
export async function rules(context: CommandContext): Promise<undefined> {
  const all = await context.client().listDiscoveryRules()
  const table = new Table<DiscoveryRule>(
    [
      { header: 'RULE', cell: ({ name }) => name.slice('discoveryRules/'.length) },
      { header: 'FROM', cell: originCell },
      { header: 'PRIORITY', align: 'right', cell: ({ priority }) => String(priority) },
      { header: 'SERVICE', cell: ({ serviceTemplate }) => serviceTemplate || '(none)' },
      { header: 'EXECUTABLES', cell: ({ executables }) => executables.join(' ') },
      {
        header: 'USERS',
        when: ({ users }) => users.length > 0,
        cell: ({ users }) => users.join(' '),
      },
      {
        header: 'PORTS',
        when: ({ listeningPorts }) => listeningPorts.length > 0,
        cell: ({ listeningPorts }) => listeningPorts.join(' '),
      },
      {
        header: 'GROUP',
        when: ({ controlGroupPattern }) => controlGroupPattern !== '',
        cell: ({ controlGroupPattern }) => controlGroupPattern,
      },
      { header: 'ARGUMENTS', cell: ({ argvPattern }) => argvPattern },
    ],
    context.paint,
  )
  const json = all.map((rule) => DiscoveryRule.toJSON(rule))
  await printAnswer(context, table.page(all).trimEnd(), json)
}

function originCell({ builtin, disabled }: DiscoveryRule): Cell {
  if (disabled) return { text: 'disabled', tone: 'faint' }
  return builtin ? 'holdfast' : { text: 'you', tone: 'good' }
}

/** What a rule says. */
export interface RuleFlags {
  executable?: string[]
  argv?: string
  user?: string[]
  service: string
  slot?: string
  version?: string
  port?: string[]
  group?: string
  minAge?: number
  defaultPort?: number
  versionFile?: string
  versionCommand?: string
  kind?: string
  environment?: string
  label?: Record<string, string>
}

export interface SimulateFlags extends RuleFlags {
  machine?: string
}

export interface PutFlags extends RuleFlags {
  priority?: number
  reason?: string
  description?: string
  disabled?: boolean
}

const ruleOf = (flags: RuleFlags) => ({
  executables: flags.executable ?? [],
  users: flags.user ?? [],
  listeningPorts: (flags.port ?? []).map(portOf),
  argvPattern: flags.argv ?? '',
  serviceTemplate: flags.service,
  slotTemplate: flags.slot ?? '',
  versionTemplate: flags.version ?? '',
  controlGroupPattern: flags.group ?? '',
  minAgeSeconds: Math.round((flags.minAge ?? 0) / 1_000),
  defaultPort: flags.defaultPort ?? 0,
  versionFile: flags.versionFile ?? '',
  versionCommand: flags.versionCommand ?? '',
  serviceKind: flags.kind ?? '',
  environmentTemplate: flags.environment ?? '',
  labels: flags.label ?? {},
})

function portOf(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new UsageError(`--port: ${JSON.stringify(text)} is no port`)
}

/** Working a rule into the scans of 10,000 machines takes a while. */
const APPLY_TIMEOUT_MS = 300_000

/** `holdfast put-rule`. */
export async function putRule(context: CommandContext, name: string, flags: PutFlags): Promise<undefined> {
  const { priority = 100, description = '', disabled = false } = flags
  const { rule, revision, machines } = await context.client().putDiscoveryRule(name, {
    rule: { ...ruleOf(flags), priority, description, disabled },
    reason: flags.reason,
    timeoutMs: APPLY_TIMEOUT_MS,
  })
  const what = `${rule.name.slice('discoveryRules/'.length)} is put, and applied to ${machines} machines`
  await printChanged(context, what, DiscoveryRule.toJSON(rule), revision)
}

/** `holdfast delete-rule`. */
export async function deleteRule(
  context: CommandContext,
  name: string,
  flags: { reason?: string },
): Promise<undefined> {
  const options = { reason: flags.reason, timeoutMs: APPLY_TIMEOUT_MS }
  const { rule, revision } = await context.client().deleteDiscoveryRule(name, options)
  const what = `${rule.name.slice('discoveryRules/'.length)} is deleted`
  await printChanged(context, what, DiscoveryRule.toJSON(rule), revision)
}

/** `holdfast simulate-rule`. */
export async function simulateRule(context: CommandContext, flags: SimulateFlags): Promise<undefined> {
  const { matches, matchCount, machineCount } = await context
    .client()
    .simulateRule(ruleOf(flags), { machine: flags.machine })
  const table = new Table<(typeof matches)[number]>(
    [
      { header: 'MACHINE', cell: ({ machine }) => machine.slice('machines/'.length) },
      { header: 'SERVICE', cell: ({ service }) => service },
      { header: 'SLOT', when: ({ slot }) => slot !== 'main', cell: ({ slot }) => slot },
      { header: 'VERSION', cell: ({ version }) => version },
      { header: 'PID', cell: ({ pid }) => String(pid), align: 'right' },
      { header: 'COMMAND', cell: ({ commandLine }) => commandLine },
    ],
    context.paint,
  )
  const lines = matches.length > 0 ? table.page(matches) : ''
  const shown = matchCount > matches.length ? `, the first ${matches.length} shown` : ''
  const found = `${matchCount} found${shown} on ${machineCount} machines; nothing is saved`
  const json = matches.map((match) => ({ ...match, pid: String(match.pid) }))
  await printAnswer(context, lines + found, json)
}
