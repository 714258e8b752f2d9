import {
  type Alias,
  Alias_Kind,
  Freshness,
  type IdentityConflict,
  type Machine,
  Machine_Lifecycle,
  type MachineRef,
} from '../../../proto/gen/holdfast/v1/machine.ts'
import { aliasKey, isStrong, sameAlias } from './alias.ts'
import type { Instant } from './instant.ts'
import { MAX_ID_LENGTH, machineName } from './resource-name.ts'
import type { Row } from './rows.ts'
import type { WorkingSet } from './working-set.ts'

/** The most aliases that a machine keeps. */
const MAX_ALIASES = 64

/** The most conflicts that are shown with a machine: a fleet made of one image has no end of them. */
const MAX_CONFLICTS = 100

/** A key that a reference gives, and that another machine has. */
interface Clash {
  alias: Alias
  /** The name of the other machine. */
  other: string
}

export const isRetired = ({ resource }: Row<'machine'>): boolean =>
  resource.lifecycle === Machine_Lifecycle.RETIRED

/**
 * The machine that a reference means; made if it is new. Strong aliases decide, the strongest kind first,
 * then the id. Nothing is merged in silence: where two machines claim one key, both carry an identity
 * conflict, and what contradicts a machine's stronger keys is another machine.
 *
 * `seenAt` is given when the event comes of seeing the machine.
 */
export function resolveMachine(state: WorkingSet, ref: MachineRef, seenAt?: Instant): Row<'machine'> {
  const given = [...new Map(ref.aliases.map((alias) => [aliasKey(alias), alias])).values()]
  const strong = given.filter(isStrong).sort((a, b) => a.kind - b.kind)
  const clashes: Clash[] = []

  let match: Row<'machine'> | undefined
  for (const [index, alias] of strong.entries()) {
    const found = state.aliases.ownerOf(alias)
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

  if (match === undefined) return create(state, { id: ref.id, aliases: given, clashes, seenAt })
  const learned = isRetired(match) ? undefined : learn(state, match, { given, seenAt })
  if (learned !== undefined) {
    match = state.put('machine', { ...match.resource, aliases: learned }, seenAt ?? match.observedAt)
  } else if (seenAt !== undefined) {
    state.observe(match, seenAt)
  }
  recordConflicts(state, match, clashes)
  return match
}

/** Whether the machine is known by another value of one of these kinds, and not by this one. */
function contradicts(machine: Machine, strong: Alias[]): boolean {
  return strong.some(
    (alias) =>
      machine.aliases.some((known) => known.kind === alias.kind) &&
      !machine.aliases.some((known) => sameAlias(known, alias)),
  )
}

function create(
  state: WorkingSet,
  given: { id: string; aliases: Alias[]; clashes: Clash[]; seenAt: Instant | undefined },
): Row<'machine'> {
  const { clashes, seenAt } = given
  const uid = state.newUid()
  const wanted = given.id !== '' ? given.id : `machine-${uid.slice(-12)}`
  const suffix = `-${uid.slice(-8)}`
  const id =
    state.find('machine', machineName(wanted)) === undefined
      ? wanted
      : `${wanted.slice(0, MAX_ID_LENGTH - suffix.length)}${suffix}`
  const aliases = given.aliases.filter(
    (alias) => !isStrong(alias) || !clashes.some((clash) => sameAlias(clash.alias, alias)),
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
      reportInterval: undefined,
      freshness: Freshness.UNSPECIFIED,
    },
    seenAt,
  )
  for (const alias of aliases) state.aliases.claim(row, alias)
  recordConflicts(state, row, clashes)
  return row
}

/** The aliases of a machine after it is referred to by these, or undefined when they teach nothing. */
function learn(
  state: WorkingSet,
  row: Row<'machine'>,
  { given, seenAt }: { given: Alias[]; seenAt: Instant | undefined },
): Alias[] | undefined {
  const known = row.resource.aliases
  const isKnown = (alias: Alias): boolean => known.some((other) => sameAlias(other, alias))
  // Weak aliases follow the machine: those of a kind that are seen last take the place of the earlier ones.
  // What is only spoken of, or was seen earlier, adds a kind that was not known.
  const isLatest = seenAt !== undefined && seenAt >= row.observedAt
  const fresh = given.filter((alias) => {
    if (isKnown(alias)) return false
    // A strong alias that belongs to another machine stays there; the clash is recorded.
    if (isStrong(alias)) return state.aliases.ownerOf(alias) === undefined
    return isLatest || !known.some((other) => other.kind === alias.kind)
  })
  const gone = known.filter(
    (alias) =>
      !isStrong(alias) &&
      isLatest &&
      given.some((other) => other.kind === alias.kind) &&
      !given.some((other) => sameAlias(other, alias)),
  )
  const kept = known.filter((alias) => !gone.includes(alias))
  const added = fresh.slice(0, Math.max(0, MAX_ALIASES - kept.length))
  if (added.length === 0 && gone.length === 0) return undefined
  for (const alias of gone) state.aliases.drop(row, alias)
  for (const alias of added) state.aliases.claim(row, alias)
  return [...kept, ...added]
}

/** Notes each clash on both machines, once. One that is retired claims nothing any more. */
function recordConflicts(state: WorkingSet, row: Row<'machine'>, clashes: Clash[]): void {
  if (isRetired(row)) return
  for (const { alias, other } of clashes) {
    const theirs = state.find('machine', other)
    if (theirs === undefined || theirs === row || isRetired(theirs)) continue
    addConflict(state, row, { alias, other })
    addConflict(state, theirs, { alias, other: row.resource.name })
  }
}

function addConflict(state: WorkingSet, row: Row<'machine'>, { alias, other }: Clash): void {
  const { identityConflicts } = row.resource
  const known = identityConflicts.some(
    (conflict) => conflict.otherMachine === other && conflict.alias && sameAlias(conflict.alias, alias),
  )
  if (known || identityConflicts.length >= MAX_CONFLICTS) return
  const conflict: IdentityConflict = { alias, otherMachine: other, detectTime: state.nowTimestamp }
  state.put(
    'machine',
    { ...row.resource, identityConflicts: [...identityConflicts, conflict] },
    row.observedAt,
  )
}

/** Takes the conflicts of a machine off it and off the others, such as when it is retired. */
export function settleConflicts(state: WorkingSet, machine: Machine): Machine {
  for (const other of new Set(machine.identityConflicts.map((conflict) => conflict.otherMachine))) {
    const theirs = state.find('machine', other)
    if (theirs === undefined) continue
    const identityConflicts = theirs.resource.identityConflicts.filter(
      (conflict) => conflict.otherMachine !== machine.name,
    )
    state.put('machine', { ...theirs.resource, identityConflicts }, theirs.observedAt)
  }
  return { ...machine, identityConflicts: [] }
}
