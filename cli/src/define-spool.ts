import type { Command } from 'commander'
import { addGlobalFlags, defineCommand, globalFlags, type Within } from './define-command.ts'
import { durationMs } from './option-value.ts'

/** The commands around the reports that are kept on this machine. */
export function defineSpool(program: Command, within: Within): void {
  const spool = defineCommand(program, {
    declaration: 'spool',
    summary: 'What is kept on this machine until the server has it',
    examples: ['holdfast spool status', 'holdfast spool forward'],
  })
  const status = spool
    .command('status')
    .description('How many reports wait, and what was refused or damaged.')
    .action(async (_flags: object, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool.ts')).spoolStatus(context),
      )
    })
  const forward = spool
    .command('forward')
    .description('Send what waits, oldest first.')
    .option('--timeout <duration>', 'how long to try (30s)', durationMs)
    .action(async (flags: { timeout?: number }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool.ts')).spoolForward(context, flags),
      )
    })
  for (const command of [status, forward]) addGlobalFlags(command)
}
