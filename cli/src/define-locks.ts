import type { Command } from 'commander'
import type { CanDeployFlags } from './commands/can-deploy.ts'
import type { LockFlags } from './commands/lock.ts'
import type { ScopedListingFlags } from './commands/locks.ts'
import { defineCommand, globalFlags, type Within } from './define-command.ts'
import { defineListing } from './define-listings.ts'
import { DAY_MS, ttlOption, waitOption } from './lock-times.ts'
import { collected, keyValue, lengthMs } from './option-value.ts'

/** The commands about locks. */
export function defineLocks(program: Command, within: Within): void {
  defineLock(program, within)
  defineUnlock(program, within)
  defineLocksListing(program, within)
  defineCanDeploy(program, within)
}

function defineLock(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'lock <scope> <command...>',
    summary: 'Run a command while holding a lock',
    more:
      'A scope is environment/service/machine with * for any, or name:NAME. Waits in line for it, and says who ' +
      'is before it. The command is stopped if the lock is lost; it has the fencing token in HOLDFAST_FENCE. ' +
      'Exits with the code of the command; 10 when the scope is held or on hold, 12 when the lock was lost.',
    examples: [
      'holdfast lock production/airship -- ./deploy.sh 20110502',
      "holdfast lock production/airship/web-0 --wait 10m --reason 'deploy 20110502' -- ./deploy.sh",
      'holdfast lock name:nightly-report --wait 0 -- ./report.sh',
    ],
  })
    .addOption(waitOption())
    .addOption(ttlOption())
    .option(
      '--grace <time>',
      'from SIGTERM to SIGKILL when the lock is lost; for so long nobody else gets it; otherwise a twentieth of the TTL',
      lengthMs('--grace', 0, 60_000),
    )
    .option('--reason <text>', 'why, for whoever is blocked; otherwise the command')
    .option('--shared', 'beside others that are shared')
    .option('--max-hold <time>', 'end it after this time', lengthMs('--max-hold', 1_000, 30 * DAY_MS))
    .option('--requires <condition>', 'only when it is true; may be repeated', collected)
    .option(
      '--attribute <key=value>',
      'what the attempt is about, such as version=20110502; may be repeated',
      keyValue('attribute'),
    )
    .option('--override <reason>', 'go through holds; needs the permission')
    .action(async (scope: string, line: string[], flags: LockFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/lock.ts')).lock(context, scope, line, flags),
      )
    })
}

function defineUnlock(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'unlock <lock>',
    summary: "End somebody's lock, or ask for it",
    more: 'Its holder is told who and why. What it was held for may still be at work: ask first.',
    examples: [
      "holdfast unlock 4f --ask --reason 'the fix for #12 must go out'",
      "holdfast unlock 4f --reason 'deploy-1 was switched off'",
    ],
  })
    .requiredOption('--reason <text>', 'why')
    .option('--ask', 'only ask its holder to let go')
    .action(async (id: string, flags: { reason: string; ask?: boolean }, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/unlock.ts')).unlock(context, id, flags),
      )
    })
}

function defineLocksListing(program: Command, within: Within): void {
  defineScopedListing(program, {
    declaration: 'locks',
    summary: 'List who holds and waits for which locks, and why',
    examples: [
      'holdfast locks',
      'holdfast locks --scope production/airship --all',
      'holdfast locks --as-of 2h',
    ],
  }).action(async (flags: ScopedListingFlags, command: Command) => {
    await within(globalFlags(command), async (context) =>
      (await import('./commands/locks.ts')).locks(context, flags),
    )
  })
}

/** A listing of what covers scopes. */
export function defineScopedListing(...definition: Parameters<typeof defineListing>): Command {
  return defineListing(...definition)
    .option('--scope <scope>', 'only what overlaps it, such as production/airship')
    .option('--all', 'also what is over; a --filter shows what it asks for')
}

function defineCanDeploy(program: Command, within: Within): void {
  defineCommand(program, {
    declaration: 'can-deploy <service>',
    summary: 'Tell whether a service may be deployed now, and what is in the way',
    more: 'Takes nothing. Exits with 10 when something is in the way, and lists all of it.',
    examples: [
      'holdfast can-deploy airship',
      'holdfast can-deploy airship --version 20110502 --to web-0,web-1 --environment production',
    ],
  })
    .option('--environment <name>', 'to which environment; otherwise HOLDFAST_ENVIRONMENT, or production')
    .option('--to <machines>', 'to these machines, with commas; otherwise all', collected)
    .option('--version <version>', 'the version, which holds may ask for')
    .option('--requires <condition>', 'that must be true; may be repeated', collected)
    .action(async (service: string, flags: CanDeployFlags, command: Command) => {
      await within(globalFlags(command), async (context) =>
        (await import('./commands/can-deploy.ts')).canDeploy(context, service, flags),
      )
    })
}
