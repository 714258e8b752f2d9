import { dateFromTimestamp } from '@holdfast/sdk'
import { Service } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Column } from '../output/table.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** `holdfast services`. */
export async function services(context: CommandContext, flags: ListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast.listServices(await listOptions(holdfast, flags)).pages()
  const listing = {
    noun: 'services',
    columns: columnsAt(new Date()),
    toJson: (service: Service) => Service.toJSON(service),
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Service>[] {
  return [
    { header: 'SERVICE', cell: (service) => shortName(service.name) },
    { header: 'KIND', when: (service) => service.kind !== '', cell: (service) => service.kind },
    { header: 'OWNER', when: (service) => service.owner !== '', cell: (service) => service.owner },
    {
      header: 'DECLARED',
      cell: (service) =>
        service.declaredVersions.map(({ environment, version }) => `${environment} ${version}`).join(', '),
    },
    {
      header: 'CHANGED',
      cell: ({ updateTime }) => relativeTime(updateTime && dateFromTimestamp(updateTime), now),
    },
  ]
}
