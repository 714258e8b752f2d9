import type { Command } from 'commander'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import type { ExitCode } from './exit-code.ts'

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
    summary: 'Report this machine: hardware, OS, network, processes',
    examples: ['holdfast agent --once', 'holdfast agent --once --machine worker-0'],
  })
    .requiredOption('--once', 'look once, report, and end')
    .option('--machine <id>', 'the id to report under; otherwise HOLDFAST_MACHINE, or the host name')
    .action(async (flags: { machine?: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/agent.ts')).agentOnce(context, flags),
      )
    })
}
