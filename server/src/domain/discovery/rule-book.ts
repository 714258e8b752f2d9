import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { BUILTIN_RULES } from './builtin-rules.ts'
import { CompiledRule } from './rule.ts'

const compiled = new WeakMap<DiscoveryRule, CompiledRule>()

/** A rule with its expressions compiled, once for each message. */
export function compiledRule(rule: DiscoveryRule): CompiledRule {
  let found = compiled.get(rule)
  if (found === undefined) {
    found = new CompiledRule(rule)
    compiled.set(rule, found)
  }
  return found
}

export const isActive = ({ disabled, deleteTime }: DiscoveryRule): boolean =>
  !disabled && deleteTime === undefined

/** The rules that ship with those that are stored in their places or beside them, in the order in which they are tried. */
export function allRules(stored: readonly DiscoveryRule[]): readonly DiscoveryRule[] {
  const byName = new Map(BUILTIN_RULES.map(({ rule }) => [rule.name, rule]))
  for (const rule of stored) byName.set(rule.name, rule)
  return [...byName.values()].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))
}

/** The rules that find something, compiled. */
export function ruleBook(stored: readonly DiscoveryRule[]): readonly CompiledRule[] {
  if (stored.length === 0) return BUILTIN_RULES
  return allRules(stored).filter(isActive).map(compiledRule)
}
