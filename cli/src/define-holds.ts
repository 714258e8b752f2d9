import type { Command } from 'commander'
import type { HoldFlags } from './commands/hold.ts'
import type { ListingFlags } from './commands/listing.ts'
import type { ScopedListingFlags } from './commands/locks.ts'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import { defineListing } from './define-listings.ts'
import { defineScopedListing } from './define-locks.ts'
import { collected, futurePoint } from './option-value.ts'

/** The commands about holds, and the conditions that lift them. */
export function defineHolds(program: Command, within: Within): void {
  defineHold(program, within)
  defineHoldsListing(program, within)
  defineConditions(program, within)
}

function defineHold(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'hold <scope>',
    summary: 'Block locks, and so deployments, until it is lifted',
    more: 'What is held already stays. Several may stand on one scope; each is lifted on its own.',
    examples: [
      "holdfast hold production/airship --reason 'needs migration 42' --until-condition migration:airship/42",
      "holdfast hold 'production' --reason 'launch day' --until 12h --allow release-bot",
      "holdfast hold production/airship --reason 'broken' --when 'attempt.version < \"20110502\"'",
    ],
  })
    .requiredOption('--reason <text>', 'why, for whoever is blocked')
    .option('--until <when>', 'lifts itself: at a time, or after 2h, 3d', futurePoint)
    .option('--until-condition <condition>', 'lifts itself when the condition becomes true')
    .option('--when <expression>', 'blocks only attempts for which this CEL expression is true')
    .option('--allow <principal>', 'does not block it; may be repeated', collected)
    .action(async (scope: string, flags: HoldFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/hold.ts')).hold(context, scope, flags),
      )
    })

  defineCommand(program, {
    declaration: 'lift <hold>',
    summary: 'Lift a hold, by its id or its scope',
    examples: ["holdfast lift 1c --reason 'migrated by hand'", 'holdfast lift production/airship'],
  })
    .option('--reason <text>', 'why, for the record')
    .action(async (hold: string, flags: { reason?: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/hold.ts')).lift(context, hold, flags),
      )
    })
}

function defineHoldsListing(program: Command, within: Within): void {
  defineScopedListing(program, {
    declaration: 'holds',
    summary: 'List what blocks locks, who put it up, why, and what lifts it',
    examples: ['holdfast holds', 'holdfast holds --scope production/airship/web-0', 'holdfast holds --all'],
  }).action(async (flags: ScopedListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/holds.ts')).holds(context, flags),
    )
  })
}

function defineConditions(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'satisfy <condition>',
    summary: 'Record that a condition is true; lifts the holds that wait for it',
    examples: ["holdfast satisfy migration:airship/42 --reason 'ran on db-0'"],
  })
    .option('--reason <text>', 'why, for the record')
    .action(async (condition: string, flags: { reason?: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/conditions.ts')).satisfy(context, condition, flags),
      )
    })

  defineCommand(program, {
    declaration: 'revoke <condition>',
    summary: 'Record that a condition is no longer true',
    more: 'Whoever waits for a lock and requires it is refused.',
    examples: ["holdfast revoke migration:airship/42 --reason 'rolled back'"],
  })
    .requiredOption('--reason <text>', 'why')
    .action(async (condition: string, flags: { reason: string }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/conditions.ts')).revoke(context, condition, flags),
      )
    })

  defineListing(program, {
    declaration: 'conditions',
    summary: 'List which conditions are true, since when, and who said so',
    examples: ['holdfast conditions', 'holdfast conditions --filter \'name = "migration:*"\''],
  }).action(async (flags: ListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/conditions.ts')).conditions(context, flags),
    )
  })
}
