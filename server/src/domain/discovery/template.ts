import { RE2JS } from 're2js'

const PLACEHOLDER = /\{(\w+)\}/g

/** What a rule's templates may name beside the groups of its `argv_pattern`. */
const PLACEHOLDERS = ['executable', 'user', 'port', 'unit', 'container']

/** A template with what its placeholders stand for. */
export const expandTemplate = (template: string, value: (placeholder: string) => string): string =>
  template.replace(PLACEHOLDER, (_, placeholder: string) => value(placeholder))

/** Everything that a template may name; `argvPattern` is a good expression, or empty. */
export function placeholdersOf(argvPattern: string): ReadonlySet<string> {
  const known = new Set(PLACEHOLDERS)
  if (argvPattern === '') return known
  const compiled = RE2JS.compile(argvPattern)
  for (let group = 0; group <= compiled.groupCount(); group++) known.add(String(group))
  for (const name of Object.keys(compiled.namedGroups())) known.add(name)
  return known
}

/** The first placeholder of a template that is none; undefined when it can be used. */
export function unknownPlaceholder(template: string, known: ReadonlySet<string>): string | undefined {
  return [...template.matchAll(PLACEHOLDER)].map((match) => match[1]!).find((name) => !known.has(name))
}
