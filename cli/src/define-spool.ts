import type { Command } from 'commander'
import { addGlobalFlags, defineCommand, globalFlags, type Within } from './define-command.ts'
import { durationMs } from './option-value.ts'

/** The commands around the reports that are kept on this machine. */
export function defineSpool(program: Command, within: Within): void {
  const spool = defineCommand(program, {
    declaration: 'spool',
    summary: 'What is kept on this machine until the server has it',
    examples: ['holdfast spool status', 'holdfast spool forward', 'holdfast spool export FILE'],
  })
  const status = spool
    .command('status')
    .description(
      'How many reports wait, and what was dropped, refused or damaged. Beyond 256 MiB (HOLDFAST_SPOOL_MAX_MIB) and ' +
        '30 days (HOLDFAST_SPOOL_MAX_DAYS) heartbeats go, then superseded facts; never starts, stops, deployments.',
    )
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
  const key = spool
    .command('key')
    .description('Print the public key that bundles of this machine are signed with.')
    .action(async (_flags: object, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool-bundle.ts')).spoolKey(context),
      )
    })
  const exporting = spool
    .command('export <file>')
    .description('Write what waits to a signed bundle, to be carried. It stays in the spool.')
    .action(async (file: string, _flags: object, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool-bundle.ts')).spoolExport(context, file),
      )
    })
  const importing = spool
    .command('import <files...>')
    .description('Load bundles of other machines. What came by another path counts once.')
    .requiredOption('--trusted-keys <file>', 'public keys, one a line, of the machines to believe')
    .action(async (files: string[], flags: { trustedKeys: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool-bundle.ts')).spoolImport(context, files, flags),
      )
    })
  for (const command of [status, forward, key, exporting, importing]) addGlobalFlags(command)
}
