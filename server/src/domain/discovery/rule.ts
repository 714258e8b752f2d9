import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { Process } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { containerIn, unitIn } from './control-group.ts'
import { Pattern } from './pattern.ts'
import { expandTemplate } from './template.ts'

/** What a rule takes a process for. */
export interface Verdict {
  rule: string
  service: string
  slot: string
  version: string
  minAgeSeconds: number
  labels: Record<string, string>
  serviceKind: string
  environment: string
  /** Where the agent may find the version; empty when the rule names no file. */
  versionFile: string
  /** The program that the agent may ask for it; empty when the rule names none. */
  versionCommand: string
}

/** A rule with its expressions compiled. */
export class CompiledRule {
  readonly rule: DiscoveryRule
  readonly #argv: Pattern | undefined
  readonly #group: Pattern | undefined

  constructor(rule: DiscoveryRule) {
    this.rule = rule
    this.#argv = rule.argvPattern === '' ? undefined : Pattern.of(rule.argvPattern)
    this.#group = rule.controlGroupPattern === '' ? undefined : Pattern.of(rule.controlGroupPattern)
  }

  /** What the process, of these names, is by this rule; undefined when the rule is about others. A service that is empty is none. */
  judge(process: Process, called: readonly string[] = namesOf(process)): Verdict | undefined {
    const { executables, users, listeningPorts, name } = this.rule
    if (executables.length > 0 && !called.some((name) => executables.includes(name))) return undefined
    if (users.length > 0 && !users.includes(process.userName)) return undefined
    if (listeningPorts.length > 0 && !listeningPorts.some((port) => process.listeningPorts.includes(port))) {
      return undefined
    }
    if (this.#group !== undefined && this.#group.groupsIn(process.controlGroup) === undefined)
      return undefined
    const groups = this.#argv === undefined ? NO_GROUPS : this.#argv.groupsIn(process.commandArgs.join(' '))
    if (groups === undefined) return undefined
    const value = (placeholder: string): string => this.#value(process, placeholder, groups)
    const text = (template: string): string => expandTemplate(template, value)
    const { rule } = this
    return {
      rule: name.slice('discoveryRules/'.length),
      service: idFrom(text(rule.serviceTemplate)),
      slot: idFrom(text(rule.slotTemplate)),
      environment: idFrom(text(rule.environmentTemplate)),
      minAgeSeconds: rule.minAgeSeconds,
      version: text(rule.versionTemplate).slice(0, MAX_VERSION) || process.version,
      labels: rule.labels,
      serviceKind: rule.serviceKind,
      versionFile: text(rule.versionFile).slice(0, MAX_PATH),
      versionCommand: rule.versionCommand,
    }
  }

  #value(process: Process, placeholder: string, groups: ReadonlyMap<string, string>): string {
    switch (placeholder) {
      case 'executable':
        return process.executableName
      case 'user':
        return process.userName
      case 'port': {
        const port = process.listeningPorts[0]
        return port === undefined || port === this.rule.defaultPort ? '' : String(port)
      }
      case 'unit':
        return unitIn(process.controlGroup)
      case 'container':
        return containerIn(process.controlGroup)
      default:
        return groups.get(placeholder) ?? ''
    }
  }
}

/**
 * What a process is called: by its file, and by the name that it was started or goes by. One file may be several
 * programs: Debian's redis-server is a link to redis-check-rdb.
 */
export const namesOf = ({ executableName, commandArgs }: Process): string[] => [
  executableName,
  (commandArgs[0] ?? '').split(' ', 1)[0]!.replace(/:$/, '').replace(/^.*\//, ''),
]

const NO_GROUPS: ReadonlyMap<string, string> = new Map()
const MAX_VERSION = 128
const MAX_PATH = 4_096

/** What of a text can be an id: what ids may not hold becomes `-`, and none is at either end. */
const idFrom = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9._@+-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 128)
    .replace(/-+$/, '')
