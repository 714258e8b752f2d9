import type { Command } from 'commander'
import { Option } from 'commander'
import type { AgentFlags } from './commands/agent.ts'
import type { RelayFlags } from './commands/relay.ts'
import { addGlobalFlags, defineCommand, globalFlags, type Within } from './define-command.ts'
import type { ExitCode } from './exit-code.ts'
import { collected, durationMs, wholeNumber } from './option-value.ts'

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
    .option(
      '--allow-probes <directory>',
      'programs and files here may be named by rules, for versions; may be repeated',
      collected,
    )
    .option('--no-cloud', 'do not ask the metadata service of the cloud')
    .option('--machine <id>', 'the id to report under; otherwise HOLDFAST_MACHINE, or the host name')
    .action(async (flags: AgentFlags & { once?: boolean }, command: Command) => {
      await within(globalFlags(command), async (context) => {
        const { agent, agentOnce } = await import('./commands/agent.ts')
        return flags.once ? agentOnce(context, flags) : agent(context, flags)
      })
    })

  const relay = defineCommand(program, {
    declaration: 'relay',
    summary: 'Take reports of machines that cannot reach the server, and send them on',
    more:
      'It acknowledges what is on its disk (HOLDFAST_DATA_DIR) and only dials out. ' +
      'The global options say where the server is and who the relay is to it.',
    examples: [
      'holdfast relay --address holdfast.example:7420 --token-file relay.token',
      'holdfast relay --listen 10.0.0.5:7420 --caller-token-file callers --tls-cert-file relay.crt --tls-key-file relay.key',
      'holdfast relay status',
    ],
  })
    .option('--listen <host:port>', 'where machines report to; port 0 takes a free one', '127.0.0.1:7422')
    .option('--caller-token-file <file>', 'who may report: one "name:token" or "token" a line')
    .option('--tls-cert-file <file>', 'certificate chain of the relay, PEM')
    .option('--tls-key-file <file>', 'its private key, PEM')
    .addOption(
      new Option('--max-size <mib>', 'how much may wait; beyond it machines keep theirs')
        .argParser(wholeNumber('--max-size', 1, 1_048_576))
        .default(1_024),
    )
    .action(async (flags: RelayFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/relay.ts')).relay(context, flags),
      )
    })
  const status = defineCommand(relay, {
    declaration: 'status',
    summary: 'What waits on the disk of a relay, of whom and since when, and what was refused',
    more: 'The disk is that of HOLDFAST_DATA_DIR; the relay may run or not.',
    examples: ['holdfast relay status', 'holdfast relay status -o json'],
  }).action(async (_flags: object, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/relay-status.ts')).relayStatus(context),
    )
  })
  addGlobalFlags(status)
}
