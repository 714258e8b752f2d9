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
  const status = defineCommand(spool, {
    declaration: 'status',
    summary: 'How many reports wait, and what was dropped, refused or damaged',
    more:
      'Beyond 256 MiB (HOLDFAST_SPOOL_MAX_MIB) and 30 days (HOLDFAST_SPOOL_MAX_DAYS) heartbeats go, then superseded ' +
      'facts; never starts, stops, deployments.',
    examples: ['holdfast spool status', 'holdfast spool status -o json'],
  }).action(async (_flags: object, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/spool.ts')).spoolStatus(context),
    )
  })
  const forward = defineCommand(spool, {
    declaration: 'forward',
    summary: 'Send what waits, oldest first',
    examples: ['holdfast spool forward', 'holdfast spool forward --timeout 5m'],
  })
    .option('--timeout <duration>', 'how long to try (30s)', durationMs)
    .action(async (flags: { timeout?: number }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool.ts')).spoolForward(context, flags),
      )
    })
  const key = defineCommand(spool, {
    declaration: 'key',
    summary: 'Print the public key that bundles of this machine are signed with',
    examples: ['holdfast spool key >> keys'],
  }).action(async (_flags: object, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/spool-bundle.ts')).spoolKey(context),
    )
  })
  const exporting = defineCommand(spool, {
    declaration: 'export <file>',
    summary: 'Write what waits to a signed bundle, to be carried',
    more: 'It stays in the spool.',
    examples: ['holdfast spool export reports.bundle'],
  }).action(async (file: string, _flags: object, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/spool-bundle.ts')).spoolExport(context, file),
    )
  })
  const importing = defineCommand(spool, {
    declaration: 'import <files...>',
    summary: 'Load bundles of other machines',
    more: 'What came by another path counts once.',
    examples: ['holdfast spool import *.bundle --trusted-keys keys'],
  })
    .requiredOption('--trusted-keys <file>', 'public keys, one a line, of the machines to believe')
    .action(async (files: string[], flags: { trustedKeys: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/spool-bundle.ts')).spoolImport(context, files, flags),
      )
    })
  for (const command of [status, forward, key, exporting, importing]) addGlobalFlags(command)
}
