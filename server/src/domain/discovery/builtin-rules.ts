import { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { CompiledRule } from './rule.ts'
import { SHIPPED_DAEMONS } from './shipped-daemons.ts'
import { SHIPPED_PROGRAMS } from './shipped-programs.ts'

/** The rules that ship, in the order in which they are tried. */
export const BUILTIN_RULES: readonly CompiledRule[] = [...SHIPPED_DAEMONS, ...SHIPPED_PROGRAMS]
  .map(({ id, ...rule }) =>
    DiscoveryRule.fromPartial({ ...rule, name: `discoveryRules/${id}`, builtin: true }),
  )
  .sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1))
  .map((rule) => new CompiledRule(rule))
