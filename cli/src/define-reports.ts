import type { Command } from 'commander'
import { Option } from 'commander'
import type { DeployedFlags } from './commands/deployed.ts'
import type { NoteFlags } from './commands/note.ts'
import type { StartedFlags } from './commands/started.ts'
import type { StoppedFlags } from './commands/stopped.ts'
import { defineCommand, globalFlags, type Reporting, type Within } from './define-command.ts'
import { collected, durationMs, labelled, wholeNumber } from './option-value.ts'

/** The commands of scripts and deploy tools. */
export function defineReports(program: Command, within: Within, reporting: Reporting): void {
  defineScriptReports(program, reporting)
  defineDeployed(program, reporting)
  defineNote(program, within)
}

/** The commands of start and stop scripts. */
export function defineScriptReports(program: Command, reporting: Reporting): void {
  defineStarted(program, reporting)
  defineStopped(program, reporting)
}

const NEVER_FAILS =
  'It is kept on this machine first and sent later when it must be; it never fails a script, but warns and exits 0.'

function defineStarted(program: Command, reporting: Reporting): void {
  defineCommand(program, {
    declaration: 'started <service>',
    summary: 'Report that a service started',
    more: NEVER_FAILS,
    examples: [
      'holdfast started offline-tasks --version 20110502',
      'holdfast started offline-tasks --machine worker-0',
      'holdfast started airship --slot blue --environment staging --pid $$',
    ],
  })
    .option('--version <version>', 'the version that runs; otherwise the known one is kept')
    .option('--machine <id>', 'where; otherwise HOLDFAST_MACHINE, or this machine')
    .option('--slot <slot>', 'tells several on one machine apart')
    .option('--environment <name>', 'such as production; otherwise HOLDFAST_ENVIRONMENT')
    .option('--pid <pid>', 'the process', wholeNumber('--pid', 1, 4_194_304))
    .option('--label <key=value>', 'a label of the instance; may be repeated', labelled)
    .option('--timeout <duration>', 'how long to wait for the server (250ms)', durationMs)
    .action(async (service: string, flags: StartedFlags, command: Command) => {
      await reporting(
        globalFlags(command),
        async (context) => (await import('./commands/started.ts')).started(context, service, flags),
        { unrecorded: `${service} started`, fails: false },
      )
    })
}

function defineStopped(program: Command, reporting: Reporting): void {
  defineCommand(program, {
    declaration: 'stopped <service>',
    summary: 'Report that a service stopped',
    more: NEVER_FAILS,
    examples: [
      'holdfast stopped offline-tasks',
      'holdfast stopped offline-tasks --exit-code $? --reason crashed',
    ],
  })
    .option('--machine <id>', 'where; otherwise HOLDFAST_MACHINE, or this machine')
    .option('--slot <slot>', 'tells several on one machine apart')
    .option('--exit-code <code>', 'of the process', wholeNumber('--exit-code', -2_147_483_648, 2_147_483_647))
    .option('--reason <text>', 'why, in words')
    .option('--timeout <duration>', 'how long to wait for the server (250ms)', durationMs)
    .action(async (service: string, flags: StoppedFlags, command: Command) => {
      await reporting(
        globalFlags(command),
        async (context) => (await import('./commands/stopped.ts')).stopped(context, service, flags),
        { unrecorded: `${service} stopped`, fails: false },
      )
    })
}

function defineDeployed(program: Command, reporting: Reporting): void {
  defineCommand(program, {
    declaration: 'deployed <service>',
    summary: 'Report which version was deployed to which machines',
    more: 'It is kept on this machine first and sent later when it must be, with a warning. It fails when it is refused.',
    examples: [
      'holdfast deployed airship --version 20110502 --machine web-0',
      'holdfast deployed airship --version 20110502 --machine web-0,web-1 --environment staging',
      "holdfast deployed airship --version 20110502 --machine web-0 --status failed --message 'disk full'",
    ],
  })
    .requiredOption('--version <version>', 'the version')
    .requiredOption('--machine <ids>', 'a machine, or several with commas; may be repeated', collected)
    .option('--environment <name>', 'such as production; otherwise HOLDFAST_ENVIRONMENT')
    .option('--slot <slot>', 'tells several on one machine apart')
    .addOption(
      new Option('--status <status>', 'how far it got; only success moves the deployed version')
        .choices(['started', 'succeeded', 'failed'])
        .default('succeeded'),
    )
    .option('--deployment <id>', "the deploy tool's own id, the same in all reports of one deployment")
    .option('--author <name>', 'who deployed; otherwise who the token belongs to')
    .option('--message <text>', 'words for the timeline')
    .option('--timeout <duration>', 'how long to wait for the server (2s)', durationMs)
    .action(async (service: string, flags: DeployedFlags, command: Command) => {
      await reporting(
        globalFlags(command),
        async (context) => (await import('./commands/deployed.ts')).deployed(context, service, flags),
        { unrecorded: `${service} deployed`, fails: true },
      )
    })
}

function defineNote(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'note <text>',
    summary: 'Leave a remark on the timeline',
    examples: [
      "holdfast note 'load balancer drained by hand' --machine web-0",
      "holdfast note 'maintenance begins' --environment production",
    ],
  })
    .option('--machine <id>', 'the machine it is about')
    .option('--service <id>', 'the service it is about')
    .option('--environment <name>', 'the environment it is about; otherwise HOLDFAST_ENVIRONMENT')
    .action(async (text: string, flags: NoteFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/note.ts')).note(context, text, flags),
      )
    })
}
