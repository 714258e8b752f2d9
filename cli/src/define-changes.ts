import type { Command } from 'commander'
import type { DeclareFlags } from './commands/declare.ts'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import { labelled } from './option-value.ts'

/** The commands of people who change what stands. */
export function defineChanges(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'declare <service>',
    summary: 'Say which version should run where, and what a service is',
    examples: [
      'holdfast declare airship --environment production --version 20110502',
      'holdfast declare airship --kind rails --owner web-team --label tier=1',
    ],
  })
    .option('--environment <name>', 'the environment; goes with --version')
    .option('--version <version>', 'the version that should run there')
    .option('--kind <kind>', 'the type of service')
    .option('--owner <name>', 'who answers for it')
    .option('--label <key=value>', 'a label; an empty value removes it; may be repeated', labelled)
    .option('--reason <text>', 'why, for the timeline')
    .action(async (service: string, flags: DeclareFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/declare.ts')).declare(context, service, flags),
      )
    })

  defineCommand(program, {
    declaration: 'retire <machine>',
    summary: 'Take a machine out of use',
    more: 'Late data does not revive it.',
    examples: ["holdfast retire web-0 --reason 'returned to the vendor'"],
  })
    .requiredOption('--reason <text>', 'why')
    .action(async (machine: string, flags: { reason: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/retire.ts')).retire(context, machine, flags),
      )
    })

  defineCommand(program, {
    declaration: 'restore <machine>',
    summary: 'Take a retired machine back into use',
    examples: ['holdfast restore web-0'],
  })
    .option('--reason <text>', 'why, for the timeline')
    .action(async (machine: string, flags: { reason?: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/retire.ts')).restore(context, machine, flags),
      )
    })
}
