import { dateFromTimestamp } from '@holdfast/sdk'
import { Condition } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { printChanged } from '../output/changed-line.ts'
import { holdScope } from '../output/lock-words.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Column } from '../output/table.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** `holdfast satisfy`. */
export async function satisfy(
  context: CommandContext,
  name: string,
  { reason }: { reason?: string },
): Promise<undefined> {
  const { condition, lifted, revision } = await context.client().satisfy(name, { reason })
  const holds = lifted.map((hold) => `, which lifts hold ${shortName(hold.name)} on ${holdScope(hold)}`)
  const what = `${shortName(condition.name)} is true${holds.join('')}`
  await printChanged(context, what, Condition.toJSON(condition), revision)
}

/** `holdfast revoke`. */
export async function revoke(
  context: CommandContext,
  name: string,
  { reason }: { reason: string },
): Promise<undefined> {
  const { condition, revision } = await context.client().revokeCondition(name, { reason })
  const what = `${shortName(condition.name)} is no longer true`
  await printChanged(context, what, Condition.toJSON(condition), revision)
}

/** `holdfast conditions`. */
export async function conditions(context: CommandContext, flags: ListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast.listConditions(await listOptions(holdfast, flags)).pages()
  const listing = {
    noun: 'conditions',
    columns: columnsAt(new Date()),
    toJson: (condition: Condition) => Condition.toJSON(condition),
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Condition>[] {
  return [
    { header: 'CONDITION', cell: ({ name }) => shortName(name) },
    {
      header: 'TRUE',
      cell: ({ revokeTime }) =>
        revokeTime === undefined ? { text: 'yes', tone: 'good' } : { text: 'no longer', tone: 'warning' },
    },
    {
      header: 'SINCE',
      cell: ({ satisfyTime, revokeTime }) => {
        const time = revokeTime ?? satisfyTime
        return relativeTime(time && dateFromTimestamp(time), now)
      },
    },
    {
      header: 'BY',
      cell: ({ revokedBy, revokeTime, satisfiedBy }) => (revokeTime === undefined ? satisfiedBy : revokedBy),
    },
    { header: 'WHY', cell: ({ reason }) => reason },
  ]
}
