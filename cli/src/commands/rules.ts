import { DiscoveryRule } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { Table } from '../output/table.ts'

/** `holdfast rules`. */
export async function rules(context: CommandContext): Promise<undefined> {
  const all = await context.client().listDiscoveryRules()
  if (context.settings.output === 'json') {
    const json = all.map((rule) => DiscoveryRule.toJSON(rule))
    await context.print(`${JSON.stringify(json, undefined, 2)}\n`)
    return
  }
  const table = new Table<DiscoveryRule>(
    [
      { header: 'RULE', cell: ({ name }) => name.slice('discoveryRules/'.length) },
      { header: 'SERVICE', cell: ({ serviceTemplate }) => serviceTemplate || '(none)' },
      { header: 'EXECUTABLES', cell: ({ executables }) => executables.join(' ') },
      { header: 'ARGUMENTS', cell: ({ argvPattern }) => argvPattern },
    ],
    context.paint,
  )
  await context.print(table.page(all))
}

export interface SimulateFlags {
  executable?: string[]
  argv?: string
  user?: string[]
  service: string
  slot?: string
  version?: string
  machine?: string
}

/** `holdfast simulate-rule`. */
export async function simulateRule(context: CommandContext, flags: SimulateFlags): Promise<undefined> {
  const { matches, matchCount, machineCount } = await context.client().simulateRule(
    {
      executables: flags.executable ?? [],
      users: flags.user ?? [],
      argvPattern: flags.argv ?? '',
      serviceTemplate: flags.service,
      slotTemplate: flags.slot ?? '',
      versionTemplate: flags.version ?? '',
    },
    { machine: flags.machine },
  )
  if (context.settings.output === 'json') {
    const json = matches.map((match) => ({ ...match, pid: String(match.pid) }))
    await context.print(`${JSON.stringify(json, undefined, 2)}\n`)
    return
  }
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
  if (matches.length > 0) await context.print(table.page(matches))
  const shown = matchCount > matches.length ? `, the first ${matches.length} shown` : ''
  await context.print(`${matchCount} found${shown} on ${machineCount} machines; nothing is saved\n`)
}
