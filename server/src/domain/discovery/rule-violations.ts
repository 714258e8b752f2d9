import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { FieldViolation } from '../error.ts'
import { labelViolations, shown, textViolation } from '../resource-name.ts'
import { patternViolation } from './pattern.ts'
import { placeholdersOf, unknownPlaceholder } from './template.ts'

const MAX_VALUES = 16
const COMMAND = /^[A-Za-z0-9._-]{1,64}$/

/** Everything that is wrong with a rule. */
export function ruleViolations(field: string, rule: DiscoveryRule): FieldViolation[] {
  const { executables, users, listeningPorts, argvPattern, controlGroupPattern } = rule
  const found: (FieldViolation | undefined)[] = [
    textViolation(`${field}.description`, rule.description, { maxBytes: 1024 }),
    textViolation(`${field}.service_kind`, rule.serviceKind, { maxBytes: 128 }),
    ...labelViolations(`${field}.labels`, rule.labels),
    ...templateViolations(field, rule),
    commandViolation(field, rule),
    argvPattern === '' ? undefined : patternViolation(`${field}.argv_pattern`, argvPattern),
    controlGroupPattern === ''
      ? undefined
      : patternViolation(`${field}.control_group_pattern`, controlGroupPattern),
  ]
  const labels = Object.keys(rule.labels)
  const lists = { executables, users, listening_ports: listeningPorts, labels }
  for (const [name, values] of Object.entries(lists)) {
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

function templateViolations(field: string, rule: DiscoveryRule): (FieldViolation | undefined)[] {
  const { argvPattern } = rule
  const good = argvPattern === '' || patternViolation('', argvPattern) === undefined
  const known = good ? placeholdersOf(argvPattern) : undefined
  return (['service', 'slot', 'version', 'environment', 'version_file'] as const).map((name) => {
    const isFile = name === 'version_file'
    const at = isFile ? `${field}.version_file` : `${field}.${name}_template`
    const template = isFile ? rule.versionFile : rule[`${name}Template`]
    const violation = textViolation(at, template, { maxBytes: isFile ? 512 : 256 })
    if (violation !== undefined || known === undefined) return violation
    const unknown = unknownPlaceholder(template, known)
    if (unknown === undefined) return undefined
    const names = [...known].map((one) => `{${one}}`).join(', ')
    return { field: at, description: `names {${unknown}}, which is none of ${names}` }
  })
}

function commandViolation(field: string, rule: DiscoveryRule): FieldViolation | undefined {
  const at = `${field}.version_command`
  if (rule.versionCommand === '') return undefined
  if (rule.versionFile !== '') {
    return { field: at, description: 'does not go together with version_file; leave one out' }
  }
  if (COMMAND.test(rule.versionCommand)) return undefined
  const rules = 'must be the name of a program, without directory and arguments, 1 to 64 of A-Z a-z 0-9 . _ -'
  return { field: at, description: `${rules}; got ${shown(rule.versionCommand)}` }
}
