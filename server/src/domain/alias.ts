import { type Alias, Alias_Kind } from '../../../proto/gen/holdfast/v1/machine.ts'

/** Whether an alias matches a machine. Weak ones are kept and never match: many machines may share them. */
export const isStrong = (alias: Alias): boolean =>
  alias.kind > Alias_Kind.UNSPECIFIED && alias.kind < Alias_Kind.HOSTNAME

export const sameAlias = (a: Alias, b: Alias): boolean => a.kind === b.kind && a.value === b.value

export const aliasKey = (alias: Alias): string => `${alias.kind}\n${alias.value}`
