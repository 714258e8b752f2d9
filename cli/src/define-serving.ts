import type { Command } from 'commander'
import type { AgentFlags } from './commands/agent.ts'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import type { ExitCode } from './exit-code.ts'
import { durationMs } from './option-value.ts'

/** Runs what needs no settings of a client. */
export type Serving = (work: () => Promise<ExitCode>) => Promise<void>

/** The commands that run a part of Holdfast. */
export function defineServing(program: Command, within: Within, serving: Serving): void {
  program
    .command('server')
    .summary('Start the server')
    .description('Start the server. Its flags: holdfast server --help')
    .usage('[OPTIONS]')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_flags: object, command: Command) => {
      // Flags that stand before the command's name.
      const { address, tokenFile } = globalFlags(command)
      const before = [
        ...(address === undefined ? [] : ['--address', address]),
        ...(tokenFile === undefined ? [] : ['--token-file', tokenFile]),
      ]
      await serving(async () => (await import('./commands/server.ts')).serve([...before, ...command.args]))
    })

  defineCommand(program, {
    declaration: 'agent',
    summary: 'Report this machine, keep reporting it, and forward the spool',
    more: 'Hardware, OS, network, packages, processes. Its identity, socket and spool are in HOLDFAST_DATA_DIR.',
    examples: ['holdfast agent --once', 'holdfast agent --once --machine worker-0', 'holdfast agent'],
  })
    .option('--once', 'look once, report, and end')
    .option('--heartbeat <duration>', 'how often to say that the machine is there (30s)', durationMs)
    .option('--scan <duration>', 'how often to look at the processes (2m)', durationMs)
    .option('--no-cloud', 'do not ask the metadata service of the cloud')
    .option('--machine <id>', 'the id to report under; otherwise HOLDFAST_MACHINE, or the host name')
    .action(async (flags: AgentFlags & { once?: boolean }, command: Command) => {
      await within(globalFlags(command), async (context) => {
        const { agent, agentOnce } = await import('./commands/agent.ts')
        return flags.once ? agentOnce(context, flags) : agent(context, flags)
      })
    })
}
