import {
  type Alias,
  Alias_Kind,
  type IdentityConflict,
  type Machine,
  Machine_Lifecycle,
  type MachineRef,
} from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Instant } from './instant.ts'
import { machineName } from './resource-name.ts'
import type { Row, WorkingSet } from './working-set.ts'

/** The most aliases that a machine keeps. */
const MAX_ALIASES = 64

export const isStrong = (alias: Alias): boolean =>
  alias.kind > Alias_Kind.UNSPECIFIED && alias.kind < Alias_Kind.HOSTNAME

const same = (a: Alias, b: Alias): boolean => a.kind === b.kind && a.value === b.value

/**
 * The machine that a reference means; made if it is new. Strong aliases decide, the strongest kind first,
 * then the id. Nothing is merged in silence: where two machines claim one key, both carry an identity
 * conflict, and what contradicts a machine's stronger keys is another machine.
 *
 * `seenAt` is given when the event comes of seeing the machine.
 */
export function resolveMachine(state: WorkingSet, ref: MachineRef, seenAt?: Instant): Row<'machine'> {
  const strong = ref.aliases.filter(isStrong).sort((a, b) => a.kind - b.kind)
  const clashes: { alias: Alias; other: string }[] = []

  let match: Row<'machine'> | undefined
  for (const [index, alias] of strong.entries()) {
    const found = state.machineByAlias(alias)
    if (found === undefined || found === match) continue
    if (match !== undefined || contradicts(found.resource, strong.slice(0, index))) {
      clashes.push({ alias, other: found.resource.name })
    } else {
      match = found
    }
  }
  if (match === undefined && ref.id !== '') {
    const named = state.find('machine', machineName(ref.id))
    if (named !== undefined) {
      if (contradicts(named.resource, strong)) {
        const alias: Alias = { kind: Alias_Kind.HOSTNAME, value: ref.id }
        clashes.push({ alias, other: named.resource.name })
      } else {
        match = named
      }
    }
  }

  if (match === undefined) {
    return create(state, ref, { clashes, seenAt })
  }
  const wanted = learn(state, match, ref.aliases)
  if (wanted !== undefined || unknownClashes(match.resource, clashes).length > 0) {
    match = state.put(
      'machine',
      { ...match.resource, aliases: wanted ?? match.resource.aliases },
      seenAt ?? match.observedAt,
    )
    recordConflicts(state, match, clashes)
  } else if (seenAt !== undefined) {
    state.observe(match, seenAt)
  }
  return match
}

/** Whether the machine is known by another value of one of these kinds, and not by this one. */
function contradicts(machine: Machine, strong: Alias[]): boolean {
  return strong.some(
    (alias) =>
      machine.aliases.some((known) => known.kind === alias.kind) &&
      !machine.aliases.some((known) => same(known, alias)),
  )
}

function create(
  state: WorkingSet,
  ref: MachineRef,
  { clashes, seenAt }: { clashes: { alias: Alias; other: string }[]; seenAt: Instant | undefined },
): Row<'machine'> {
  const uid = state.newUid()
  const wanted = ref.id !== '' ? ref.id : `machine-${uid.slice(-12)}`
  const id = state.find('machine', machineName(wanted)) === undefined ? wanted : `${wanted}-${uid.slice(-8)}`
  const aliases = ref.aliases.filter(
    (alias) => !isStrong(alias) || !clashes.some((clash) => same(clash.alias, alias)),
  )
  const row = state.put(
    'machine',
    {
      name: machineName(id),
      uid,
      etag: '',
      labels: {},
      createTime: undefined,
      updateTime: undefined,
      revision: 0n,
      lifecycle: Machine_Lifecycle.ACTIVE,
      retireTime: undefined,
      retireReason: '',
      aliases,
      identityConflicts: [],
      hardware: undefined,
      observedTime: undefined,
      facets: [],
      processScan: undefined,
    },
    seenAt,
  )
  for (const alias of aliases) state.claimAlias(row, alias)
  recordConflicts(state, row, clashes)
  return row
}

/** The aliases of a machine after it is referred to by these, or undefined when they teach nothing. */
function learn(state: WorkingSet, row: Row<'machine'>, given: Alias[]): Alias[] | undefined {
  const known = row.resource.aliases
  const fresh = given.filter(
    (alias) =>
      !known.some((other) => same(other, alias)) &&
      // A strong alias that belongs to another machine stays there; the clash is recorded.
      (!isStrong(alias) || state.machineByAlias(alias) === undefined),
  )
  if (fresh.length === 0) return undefined
  // Weak aliases follow the machine: the newest set of a kind replaces the old one.
  const stays = (alias: Alias): boolean =>
    isStrong(alias) ||
    !fresh.some((other) => other.kind === alias.kind) ||
    given.some((other) => same(other, alias))
  for (const alias of known) {
    if (!stays(alias)) state.goneAliases.push({ alias, machineId: row.id })
  }
  const kept = known.filter(stays)
  const added = fresh.slice(0, Math.max(0, MAX_ALIASES - kept.length))
  if (added.length === 0) return undefined
  for (const alias of added) state.claimAlias(row, alias)
  return [...kept, ...added]
}

function unknownClashes(machine: Machine, clashes: { alias: Alias; other: string }[]) {
  return clashes.filter(
    (clash) =>
      clash.other !== machine.name &&
      !machine.identityConflicts.some(
        (known) => known.otherMachine === clash.other && known.alias && same(known.alias, clash.alias),
      ),
  )
}

function recordConflicts(
  state: WorkingSet,
  row: Row<'machine'>,
  clashes: { alias: Alias; other: string }[],
): void {
  const conflict = (alias: Alias, otherMachine: string): IdentityConflict => ({
    alias,
    otherMachine,
    detectTime: state.nowTimestamp,
  })
  for (const { alias, other } of unknownClashes(row.resource, clashes)) {
    const own = [...row.resource.identityConflicts, conflict(alias, other)]
    state.put('machine', { ...row.resource, identityConflicts: own }, row.observedAt)
    const theirs = state.find('machine', other)
    if (theirs === undefined) continue
    const others = [...theirs.resource.identityConflicts, conflict(alias, row.resource.name)]
    state.put('machine', { ...theirs.resource, identityConflicts: others }, theirs.observedAt)
  }
}
