import { dateFromTimestamp } from '@holdfast/sdk'
import { Instance } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { freshnessWord } from '../output/freshness-word.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import { stateWord } from '../output/state-word.ts'
import type { Column } from '../output/table.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** `holdfast instances`. */
export async function instances(context: CommandContext, flags: ListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast.listInstances(await listOptions(holdfast, flags)).pages()
  const listing = {
    noun: 'instances',
    columns: columnsAt(new Date()),
    toJson: (instance: Instance) => Instance.toJSON(instance),
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Instance>[] {
  return [
    { header: 'MACHINE', cell: (instance) => shortName(instance.machine) },
    { header: 'SERVICE', cell: (instance) => shortName(instance.service) },
    { header: 'SLOT', when: (instance) => instance.slot !== 'main', cell: (instance) => instance.slot },
    { header: 'ENVIRONMENT', cell: (instance) => instance.environment },
    { header: 'STATE', cell: (instance) => stateWord(instance.state) },
    { header: 'RUNNING', cell: (instance) => instance.runningVersion },
    { header: 'DEPLOYED', cell: (instance) => instance.deployedVersion },
    {
      header: 'SINCE',
      cell: ({ stateTime }) => relativeTime(stateTime && dateFromTimestamp(stateTime), now),
    },
    {
      header: 'FRESHNESS',
      when: ({ freshness }) => freshness !== 0,
      cell: ({ freshness }) => freshnessWord(freshness),
    },
    {
      header: 'SEEN',
      cell: ({ observedTime }) => relativeTime(observedTime && dateFromTimestamp(observedTime), now),
    },
  ]
}
