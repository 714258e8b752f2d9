import { dateFromTimestamp } from '@holdfast/sdk'
import { Alias_Kind, type IdentityConflict, Machine, Machine_Lifecycle } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { byteSize } from '../output/byte-size.ts'
import { freshnessWord } from '../output/freshness-word.ts'
import { relativeTime } from '../output/relative-time.ts'
import { shortName } from '../output/short-name.ts'
import type { Cell, Column } from '../output/table.ts'
import { type ListingFlags, listOptions, printListing } from './listing.ts'

/** `holdfast machines`. */
export async function machines(context: CommandContext, flags: ListingFlags): Promise<undefined> {
  const holdfast = context.client()
  const pages = holdfast.listMachines(await listOptions(holdfast, flags)).pages()
  const now = new Date()
  const listing = {
    noun: 'machines',
    columns: columnsAt(now),
    toJson: (machine: Machine) => Machine.toJSON(machine),
  }
  await printListing(context, pages, listing, flags.limit)
}

function columnsAt(now: Date): Column<Machine>[] {
  return [
    { header: 'MACHINE', cell: (machine) => shortName(machine.name) },
    { header: 'STATE', cell: lifecycle },
    { header: 'CPUS', align: 'right', cell: ({ hardware }) => count(hardware?.cpuLogicalCount) },
    { header: 'MEMORY', align: 'right', cell: ({ hardware }) => byteSize(hardware?.memoryBytes ?? 0n) },
    {
      header: 'DISKS',
      align: 'right',
      cell: ({ hardware }) => disks(hardware?.diskCount, hardware?.diskBytes),
    },
    { header: 'ARCH', cell: ({ hardware }) => hardware?.arch ?? '' },
    { header: 'OS', cell: ({ hardware }) => hardware?.osDescription || hardware?.osType || '' },
    {
      header: 'FRESHNESS',
      when: ({ freshness }) => freshness !== 0,
      cell: ({ freshness }) => freshnessWord(freshness),
    },
    {
      header: 'SEEN',
      cell: ({ observedTime }) => relativeTime(observedTime && dateFromTimestamp(observedTime), now),
    },
    {
      header: 'CONFLICT',
      when: ({ identityConflicts }) => identityConflicts.length > 0,
      cell: ({ identityConflicts }) => ({ text: identityConflicts.map(conflict).join('; '), tone: 'bad' }),
    },
  ]
}

function lifecycle(machine: Machine): Cell {
  return machine.lifecycle === Machine_Lifecycle.RETIRED ? { text: 'retired', tone: 'faint' } : 'active'
}

function count(number: number | undefined): string {
  return number === undefined || number === 0 ? '' : String(number)
}

/** `3 × 1.8 TiB` would be wrong for disks of different sizes: the sum, and how many in brackets. */
function disks(number: number | undefined, bytes: bigint | undefined): string {
  const size = byteSize(bytes ?? 0n)
  return size === '' || number === undefined || number < 2 ? size : `${size} (${number})`
}

function conflict({ alias, otherMachine }: IdentityConflict): string {
  const kind = Object.entries(Alias_Kind).find(([, value]) => value === alias?.kind)?.[0] ?? 'alias'
  return `same ${kind.toLowerCase().replaceAll('_', '-')} as ${shortName(otherMachine)}`
}
