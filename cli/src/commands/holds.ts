import { dateFromTimestamp } from '@holdfast/sdk'
import { Hold, Hold_State } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { holdLift, holdScope, holdUntil } from '../output/lock-words.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Column } from '../output/table.ts'
import { shortened } from '../output/terminal-text.ts'
import { listOptions, printListing } from './listing.ts'
import type { ScopedListingFlags } from './locks.ts'

/** `holdfast holds`: those that stand, unless the flags say otherwise. */
export async function holds(context: CommandContext, flags: ScopedListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast
    .listHolds({
      ...(await listOptions(holdfast, flags)),
      scope: flags.scope,
      filter: flags.filter ?? (flags.all === true ? undefined : 'state = STANDING'),
    })
    .pages()
  const listing = {
    noun: 'holds',
    columns: columnsAt(new Date()),
    toJson: (hold: Hold) => Hold.toJSON(hold),
    hint: "lift one with 'holdfast lift HOLD --reason WHY'; 'holdfast satisfy CONDITION' lifts those that wait for it",
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Hold>[] {
  return [
    { header: 'HOLD', cell: ({ name }) => shortName(name) },
    { header: 'SCOPE', cell: (hold) => ({ text: holdScope(hold), tone: toneOf(hold) }) },
    { header: 'BY', cell: ({ author }) => author },
    {
      header: 'SINCE',
      cell: ({ createTime }) => relativeTime(createTime && dateFromTimestamp(createTime), now),
    },
    { header: 'UNTIL', cell: holdUntil },
    { header: 'WHY', cell: ({ reason }) => shortened(reason, 60) },
    { header: 'ONLY WHEN', when: ({ when }) => when !== '', cell: ({ when }) => when },
    {
      header: 'LETS THROUGH',
      when: ({ allows }) => allows.length > 0,
      cell: ({ allows }) => allows.join(', '),
    },
    {
      header: 'LIFTED',
      when: ({ state }) => state === Hold_State.LIFTED,
      cell: (hold) => holdLift(hold, now),
    },
  ]
}

function toneOf({ state }: Hold): 'warning' | 'faint' {
  return state === Hold_State.STANDING ? 'warning' : 'faint'
}
