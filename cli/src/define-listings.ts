import type { Command } from 'commander'
import type { ListingFlags } from './commands/listing.ts'
import type { LogFlags } from './commands/log.ts'
import type { RunsFlags } from './commands/runs.ts'
import type { TimelineFlags } from './commands/timeline.ts'
import type { WatchFlags } from './commands/watch.ts'
import { type CommandText, defineCommand, globalFlags, type Within } from './define-command.ts'
import { pastPoint, wholeNumber } from './option-value.ts'

/** The commands that read. */
export function defineListings(program: Command, within: Within): void {
  defineMachines(program, within)
  defineServices(program, within)
  defineInstances(program, within)
  defineVersions(program, within)
  defineRuns(program, within)
  defineLog(program, within)
  defineTimeline(program, within)
  defineWatch(program, within)
  defineSources(program, within)
  defineInfo(program, within)
}

const limit = wholeNumber('--limit', 1, 1_000_000_000)

function listing(command: Command): Command {
  return command
    .option('--filter <filter>', "such as 'state = RUNNING AND machine = web-*'")
    .option('--as-of <point>', 'as it was: a time, an age (10m, 2h, 3d) or a revision', pastPoint)
    .option('--limit <number>', 'at most so many; otherwise all', limit)
}

/** A listing of resources, with its flags. */
export const defineListing = (program: Command, text: CommandText): Command =>
  ordered(defineCommand(program, text))

function ordered(command: Command): Command {
  return listing(command).option('--order-by <field>', "a field, or 'FIELD desc'; otherwise by name")
}

function defineMachines(program: Command, within: Within): void {
  ordered(
    defineCommand(program, {
      declaration: 'machines',
      summary: 'List the machines with their hardware',
      examples: [
        'holdfast machines',
        "holdfast machines --filter 'cpu_logical_count >= 8 AND os_type = linux' --order-by 'memory_bytes desc'",
        'holdfast machines --as-of 3d -o json',
      ],
    }),
  ).action(async (flags: ListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/machines.ts')).machines(context, flags),
    )
  })
}

function defineServices(program: Command, within: Within): void {
  ordered(
    defineCommand(program, {
      declaration: 'services',
      summary: 'List the services and what is declared for them',
      examples: ['holdfast services', "holdfast services --filter 'owner = payments'"],
    }),
  ).action(async (flags: ListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/services.ts')).services(context, flags),
    )
  })
}

function defineInstances(program: Command, within: Within): void {
  ordered(
    defineCommand(program, {
      declaration: 'instances',
      summary: 'List which service runs on which machine',
      examples: [
        'holdfast instances',
        "holdfast instances --filter 'service = airship AND state = RUNNING'",
        'holdfast instances --as-of 2026-11-22T08:30',
      ],
    }),
  ).action(async (flags: ListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/instances.ts')).instances(context, flags),
    )
  })
}

function defineVersions(program: Command, within: Within): void {
  listing(
    defineCommand(program, {
      declaration: 'versions [service]',
      summary: 'List declared, deployed and running versions, and their drift',
      examples: [
        'holdfast versions airship',
        "holdfast versions --filter 'environment = production'",
        'holdfast versions airship --as-of 42',
      ],
    }),
  ).action(async (service: string | undefined, flags: ListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/versions.ts')).versions(context, service, flags),
    )
  })
}

function defineRuns(program: Command, within: Within): void {
  listing(
    defineCommand(program, {
      declaration: 'runs [service]',
      summary: 'List deploys, converges, migrations and tasks, newest first',
      examples: [
        'holdfast runs airship --limit 20',
        'holdfast runs --machine web-0 --state failed',
        "holdfast runs --search 'disk full'",
        "holdfast runs --filter 'kind = CONVERGE AND environment = production' -o json",
      ],
    }),
  )
    .option('--machine <id>', 'only those that it is a target of')
    .option(
      '--search <terms>',
      "all of them are in the log, also inside words; 'migr*' for words that begin so",
    )
    .option('--state <state>', 'running, succeeded, failed, cancelled or abandoned')
    .action(async (service: string | undefined, flags: RunsFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/runs.ts')).runs(context, service, flags),
      )
    })
}

function defineLog(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'log <run>',
    summary: 'Print the log of a run',
    more: 'Bytes as they came; on a terminal, only colours are let through.',
    examples: [
      'holdfast log 0195a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b',
      'holdfast log 0195a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b --follow',
    ],
  })
    .option('-f, --follow', 'go on until the run has ended')
    .option('--tail <bytes>', 'only so many bytes before the end', wholeNumber('--tail', 1, 1_000_000_000))
    .action(async (run: string, flags: LogFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/log.ts')).log(context, run, flags),
      )
    })
}

function defineTimeline(program: Command, within: Within): void {
  listing(
    defineCommand(program, {
      declaration: 'timeline',
      summary: 'List what happened and what it changed, newest first',
      examples: [
        "holdfast timeline --filter 'machine = web-0' --limit 20",
        "holdfast timeline --filter 'service = airship AND environment = production AND author = ada' --since 2h",
        'holdfast timeline --since 2026-11-20 --until 2026-11-21 -o json',
      ],
    }),
  )
    .option('--since <point>', 'only what occurred at or after: a time or an age', pastPoint)
    .option('--until <point>', 'only what occurred before: a time or an age', pastPoint)
    .action(async (flags: TimelineFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/timeline.ts')).timeline(context, flags),
      )
    })
}

function defineWatch(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'watch',
    summary: 'Print changes as they happen',
    more: 'One line each. It reconnects by itself and leaves none out.',
    examples: [
      'holdfast watch',
      "holdfast watch --filter 'service = airship'",
      'holdfast watch --snapshot -o json',
      'holdfast watch --after 42                  everything since revision 42, then on',
    ],
  })
    .option('--filter <filter>', "such as 'kind = instance AND machine = web-0'")
    .option('--snapshot', 'print what there is first')
    .option('--after <revision>', 'begin after this revision', pastPoint)
    .option('--limit <number>', 'end after so many changes', limit)
    .action(async (flags: WatchFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/watch.ts')).watch(context, flags),
      )
    })
}

function defineSources(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'sources',
    summary: 'List who reports, up to where, and what is missing',
    examples: ['holdfast sources'],
  })
    .option('--limit <number>', 'at most so many; otherwise all', limit)
    .action(async (flags: { limit?: number }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/sources.ts')).sources(context, flags),
      )
    })
}

function defineInfo(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'info',
    summary: 'Tell about the server: version, revision, limits',
    examples: ['holdfast info', 'holdfast info -o json'],
  }).action(async (_flags: object, command: Command) => {
    await within(globalFlags(command), async (context) => (await import('./commands/info.ts')).info(context))
  })
}
