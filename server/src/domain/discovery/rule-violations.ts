import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { FieldViolation } from '../error.ts'
import { textViolation } from '../resource-name.ts'
import { patternViolation } from './pattern.ts'

const MAX_VALUES = 16

/** Everything that is wrong with a rule. */
export function ruleViolations(field: string, rule: DiscoveryRule): FieldViolation[] {
  const { executables, users, listeningPorts, argvPattern, controlGroupPattern } = rule
  const found: (FieldViolation | undefined)[] = [
    textViolation(`${field}.description`, rule.description, { maxBytes: 1024 }),
    textViolation(`${field}.service_template`, rule.serviceTemplate, { maxBytes: 256 }),
    textViolation(`${field}.slot_template`, rule.slotTemplate, { maxBytes: 256 }),
    textViolation(`${field}.version_template`, rule.versionTemplate, { maxBytes: 256 }),
    argvPattern === '' ? undefined : patternViolation(`${field}.argv_pattern`, argvPattern),
    controlGroupPattern === ''
      ? undefined
      : patternViolation(`${field}.control_group_pattern`, controlGroupPattern),
  ]
  for (const [name, values] of Object.entries({ executables, users, listening_ports: listeningPorts })) {
    if (values.length <= MAX_VALUES) continue
    found.push({
      field: `${field}.${name}`,
      description: `must hold at most ${MAX_VALUES}; got ${values.length}`,
    })
  }
  if (rule.minAgeSeconds > 86_400) {
    found.push({
      field: `${field}.min_age_seconds`,
      description: `must be at most 86400; got ${rule.minAgeSeconds}`,
    })
  }
  const says = executables.length + users.length + listeningPorts.length + argvPattern.length
  if (says + controlGroupPattern.length === 0) {
    const description =
      'must say which processes it is about: by executables, argv_pattern, users, ports or group'
    found.push({ field, description })
  }
  return found.filter((violation) => violation !== undefined)
}
