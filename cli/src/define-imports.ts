import type { Command } from 'commander'
import type { ImportFlags } from './commands/import-chef.ts'
import { addGlobalFlags, defineCommand, globalFlags, type Within } from './define-command.ts'

/** The commands that read what other tools wrote. */
export function defineImports(program: Command, within: Within): void {
  const importing = defineCommand(program, {
    declaration: 'import',
    summary: 'Read what other tools wrote',
    examples: ['holdfast import chef /var/log/chef/data-collector.jsonl'],
  })
  const chef = defineCommand(importing, {
    declaration: 'chef <file>',
    summary: "Send the messages of Chef's data collector in a file, one a line; - is stdin",
    more: 'What came before counts once.',
    examples: [
      'holdfast import chef /var/log/chef/data-collector.jsonl',
      'zcat data-collector.*.gz | holdfast import chef -',
    ],
  })
    .option('--http-address <host:port>', 'where the server listens for HTTP (its host, port 7421)')
    .action(async (file: string, flags: ImportFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/import-chef.ts')).importChef(context, file, flags),
      )
    })
  addGlobalFlags(chef)
}
