import type { Command } from 'commander'
import type { DeployFlags } from './commands/deploy.ts'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import { ttlOption, waitOption } from './lock-times.ts'
import { collected } from './option-value.ts'

/** The wrapper of deploy tools. */
export function defineDeploy(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'deploy <service> <command...>',
    summary: 'Run a command as a deploy: locked, logged and recorded',
    more:
      'Locks the service on its machines, starts a run, and keeps what the command writes, which is shown as well, in ' +
      'the log of the run. The command has HOLDFAST_RUN and HOLDFAST_FENCE, and is stopped if the lock is lost. Exits ' +
      'with its code; 10 when a lock, a hold or a condition is in the way, 12 when the lock was lost.',
    examples: [
      'holdfast deploy airship --version 20110502 --to web-0,web-1 -- ./deploy.sh',
      'holdfast deploy airship --version 20110502 --to web-0 --requires migration:airship/20110502 -- ./deploy.sh',
      'holdfast deploy airship --version 20110502 --to web-0 --wait 0 --hold-on-failure -- ./deploy.sh',
    ],
  })
    .requiredOption('--version <version>', 'what is deployed')
    .requiredOption('--to <machines>', 'the machines, with commas; may be repeated', collected)
    .option('--environment <name>', 'to which environment; otherwise HOLDFAST_ENVIRONMENT, or production')
    .option('--slot <slot>', 'tells several on one machine apart')
    .addOption(waitOption())
    .addOption(ttlOption())
    .option('--reason <text>', 'why, for whoever is blocked; otherwise the version')
    .option('--requires <condition>', 'only when it is true; may be repeated', collected)
    .option('--hold-on-failure', 'put up a hold on the service in its environment when it fails')
    .option('--override <reason>', 'go through holds; needs the permission')
    .action(async (service: string, line: string[], flags: DeployFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/deploy.ts')).deploy(context, service, { ...flags, command: line }),
      )
    })
}
