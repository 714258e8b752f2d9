import type { Command } from 'commander'
import type { DecideFlags } from './commands/decide.ts'
import type { ListingFlags } from './commands/listing.ts'
import type { PutFlags, SimulateFlags } from './commands/rules.ts'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import { defineListing } from './define-listings.ts'
import { collected, labelled, lengthMs, wholeNumber } from './option-value.ts'

/** The commands about what was found without anybody having told. */
export function defineDiscovery(program: Command, within: Within): void {
  defineListing(program, {
    declaration: 'findings',
    summary: 'List what runs on the machines, reported or not',
    examples: [
      'holdfast findings',
      "holdfast findings --filter 'state = UNDECIDED AND service = redis'",
      "holdfast findings --filter 'state = VANISHED' -o json",
    ],
  }).action(async (flags: ListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/findings.ts')).findings(context, flags),
    )
  })
  for (const [verb, decision, summary] of [
    ['accept', 'accepted', 'Take findings for services: their instances follow the scans'],
    ['ignore', 'ignored', 'Say that findings are of no interest'],
    ['enforce', 'enforced', 'Say that findings must run'],
    ['undecide', 'undecided', 'Take back what was decided about findings'],
  ] as const) {
    defineCommand(program, {
      declaration: `${verb} [findings...]`,
      summary,
      examples: [
        `holdfast ${verb} web-0~redis`,
        `holdfast ${verb} --filter 'state = UNDECIDED AND service = redis' --yes`,
      ],
    })
      .option('--filter <filter>', 'all that this takes; without --yes they are only listed')
      .option('--yes', 'decide about all that the filter takes')
      .option('--reason <text>', 'why, for the timeline')
      .action(async (names: string[], flags: DecideFlags, command: Command) => {
        await within(globalFlags(command), async (context) =>
          (await import('./commands/decide.ts')).decide(context, names, { verb, decision, ...flags }),
        )
      })
  }

  defineCommand(program, {
    declaration: 'rules',
    summary: 'List the rules that findings are found by',
    examples: ['holdfast rules'],
  }).action(async (_flags: object, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/rules.ts')).rules(context),
    )
  })

  about(
    defineCommand(program, {
      declaration: 'put-rule <rule>',
      summary: 'Make a rule, or put it in the place of another; it applies to the scans that are stored',
      examples: [
        "holdfast put-rule puma --executable ruby --argv 'puma .*\\[(?P<app>\\w+)\\]' --service '{app}'",
      ],
    }),
  )
    .option('--description <text>', 'what it finds, in words')
    .option('--disabled', 'keep it, and let it find nothing')
    .option(
      '--priority <number>',
      'a higher one goes first; those that ship have 0 to 20 (100)',
      wholeNumber('--priority', -1_000_000, 1_000_000),
    )
    .option('--reason <text>', 'why, for the timeline')
    .action(async (rule: string, flags: PutFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/rules.ts')).putRule(context, rule, flags),
      )
    })

  defineCommand(program, {
    declaration: 'delete-rule <rule>',
    summary: 'Delete a rule, also one that ships; what it found is withdrawn',
    examples: ['holdfast delete-rule puma'],
  })
    .option('--reason <text>', 'why, for the timeline')
    .action(async (rule: string, flags: { reason?: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/rules.ts')).deleteRule(context, rule, flags),
      )
    })

  about(
    defineCommand(program, {
      declaration: 'simulate-rule',
      summary: 'Show what a rule would find in the last scans',
      examples: [
        "holdfast simulate-rule --executable ruby --argv 'puma .*\\[(?P<app>\\w+)\\]' --service '{app}'",
      ],
    }),
  )
    .option('--machine <id>', 'only this machine')
    .action(async (flags: SimulateFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/rules.ts')).simulateRule(context, flags),
      )
    })
}

const AGE_MS = lengthMs('--min-age', 0, 86_400_000)

/** What a rule says of processes, and what it makes of them. */
function about(command: Command): Command {
  return command
    .option('--executable <name>', 'the name of the executable; may be repeated', collected)
    .option('--argv <pattern>', 'a regular expression (RE2) that the arguments must hold')
    .option('--user <name>', 'the user; may be repeated', collected)
    .option('--port <number>', 'a port that it listens on; may be repeated', collected)
    .option('--group <pattern>', 'a regular expression that the control group or unit must hold')
    .option('--min-age <duration>', 'how long it must have run to be found (0s)', AGE_MS)
    .requiredOption('--service <template>', "the service, such as redis or '{1}'")
    .option('--slot <template>', "the slot, such as '{port}'")
    .option(
      '--default-port <number>',
      'the port that {port} is nothing for',
      wholeNumber('--default-port', 1, 65_535),
    )
    .option('--version <template>', "the version, such as '{2}'")
    .option('--version-file <path>', 'a file that holds it, from the working directory of the process')
    .option('--version-command <name>', 'a program that prints it; the agent must allow it')
    .option('--kind <kind>', 'the kind of the service')
    .option('--environment <template>', "the environment of a new instance, such as '{1}'")
    .option('--label <key=value>', 'a label of the instance; may be repeated', labelled)
}
