import { dateFromTimestamp } from '@holdfast/sdk'
import { Lock, Lock_Mode, Lock_State } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { lockEnd, lockOwner, lockScopes } from '../output/lock-words.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Cell, Column } from '../output/table.ts'
import { shortened } from '../output/terminal-text.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** What listings of what covers scopes take. */
export interface ScopedListingFlags extends ListingFlags {
  scope?: string
  all?: boolean
}

/** `holdfast locks`: those that are held or waited for, unless the flags say otherwise. */
export async function locks(context: CommandContext, flags: ScopedListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast
    .listLocks({
      ...(await listOptions(holdfast, flags)),
      scope: flags.scope,
      filter: flags.filter ?? (flags.all === true ? undefined : 'state != ENDED'),
    })
    .pages()
  const listing = {
    noun: 'locks',
    columns: columnsAt(new Date()),
    toJson: (lock: Lock) => Lock.toJSON(lock),
    hint: "ask a holder to let go with 'holdfast unlock LOCK --ask --reason WHY', end its lock without --ask",
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Lock>[] {
  return [
    { header: 'LOCK', cell: ({ name }) => shortName(name) },
    { header: 'SCOPE', cell: lockScopes },
    { header: 'STATE', cell: stateCell },
    { header: 'WHO', cell: lockOwner },
    { header: 'SINCE', cell: (lock) => relativeTime(sinceOf(lock), now) },
    { header: 'WHY', cell: ({ reason }) => shortened(reason, 60) },
    {
      header: 'ASKED TO LET GO',
      when: ({ releaseRequest }) => releaseRequest !== undefined,
      cell: ({ releaseRequest }) =>
        releaseRequest === undefined ? '' : `by ${releaseRequest.requestedBy}: ${releaseRequest.reason}`,
    },
    {
      header: 'THROUGH HOLDS',
      when: ({ overrideReason }) => overrideReason !== '',
      cell: ({ overrideReason }) => overrideReason,
    },
    {
      header: 'ENDED',
      when: ({ state }) => state === Lock_State.ENDED,
      cell: (lock) => lockEnd(lock, now),
    },
  ]
}

function stateCell({ state, mode }: Lock): Cell {
  const shared = mode === Lock_Mode.SHARED ? ', shared' : ''
  switch (state) {
    case Lock_State.HELD:
      return { text: `held${shared}`, tone: 'good' }
    case Lock_State.WAITING:
      return { text: `waiting${shared}`, tone: 'warning' }
    default:
      return { text: `ended${shared}`, tone: 'faint' }
  }
}

function sinceOf({ grantTime, createTime }: Lock): Date | undefined {
  const time = grantTime ?? createTime
  return time && dateFromTimestamp(time)
}
