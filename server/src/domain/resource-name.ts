import type { FieldViolation } from './error.ts'

/** The slot of an instance that named none. It is left out of resource names. */
export const MAIN_SLOT = 'main'

/** What an instance is: machine × service × slot, each an id. */
export interface InstanceKey {
  machine: string
  service: string
  slot: string
}

/** The longest id of a machine, service, slot or environment. */
export const MAX_ID_LENGTH = 128

const ID = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/
const FACET = /^[a-z0-9_-]{1,63}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u
const SPACE = /\s/u

/** The id in a resource name of one collection. */
export const idOf = (name: string): string => name.slice(name.indexOf('/') + 1)

export const machineName = (id: string): string => `machines/${id}`
export const serviceName = (id: string): string => `services/${id}`
export const runName = (id: string): string => `runs/${id}`
export const conditionName = (id: string): string => `conditions/${id}`
export const facetName = (machine: string, facet: string): string => `machines/${machine}/facets/${facet}`
export const instanceName = ({ machine, service, slot }: InstanceKey): string =>
  slot === MAIN_SLOT ? `instances/${machine}~${service}` : `instances/${machine}~${service}~${slot}`

export const findingName = (key: InstanceKey): string =>
  `findings/${instanceName(key).slice('instances/'.length)}`

/** The parts of `findings/{machine}~{service}[~{slot}]`. */
export const parseFindingName = (name: string): InstanceKey | undefined =>
  name.startsWith('findings/') ? parseInstanceName(`instances/${name.slice('findings/'.length)}`) : undefined

export const ruleName = (id: string): string => `discoveryRules/${id}`

/** The id in `machines/{id}`; undefined when `name` is not such a name. */
export const parseMachineName = (name: string): string | undefined => parseId('machines/', name)

/** The id in `services/{id}`; undefined when `name` is not such a name. */
export const parseServiceName = (name: string): string | undefined => parseId('services/', name)

/** The id in `runs/{id}`, a UUID in lower case; undefined when `name` is not such a name. */
export function parseRunName(name: string): string | undefined {
  const id = name.startsWith('runs/') ? name.slice('runs/'.length) : ''
  return UUID.test(id) ? id : undefined
}

/** The id in `conditions/{id}`, which may hold `:` and `/`; undefined when `name` is not such a name. */
export function parseConditionName(name: string): string | undefined {
  if (!name.startsWith('conditions/')) return undefined
  const id = name.slice('conditions/'.length)
  return wordViolation('', id) === undefined ? id : undefined
}

/** The parts of `instances/{machine}~{service}[~{slot}]`. Only the one spelling: `…~main` is no name. */
export function parseInstanceName(name: string): InstanceKey | undefined {
  if (name.length > 400 || !name.startsWith('instances/')) return undefined
  const parts = name.slice('instances/'.length).split('~')
  if (parts.length < 2 || parts.length > 3 || parts[2] === MAIN_SLOT) return undefined
  if (!parts.every((part) => ID.test(part))) return undefined
  return { machine: parts[0]!, service: parts[1]!, slot: parts[2] ?? MAIN_SLOT }
}

/** The parts of `machines/{machine}/facets/{facet}`. */
export function parseFacetName(name: string): { machine: string; facet: string } | undefined {
  if (name.length > 256) return undefined
  const parts = name.split('/')
  const [collection, machine, facets, facet] = parts
  if (parts.length !== 4 || collection !== 'machines' || facets !== 'facets') return undefined
  if (!ID.test(machine!) || !FACET.test(facet!)) return undefined
  return { machine: machine!, facet: facet! }
}

/** The id of a machine, service, slot or environment. */
export function idViolation(field: string, value: string): FieldViolation | undefined {
  if (ID.test(value)) return undefined
  const rule = '1 to 128 of A-Z a-z 0-9 . _ @ + -, beginning with a letter or digit'
  return { field, description: `must be ${rule}; got ${shown(value)}` }
}

/** The name of a facet. */
export function facetViolation(field: string, value: string): FieldViolation | undefined {
  if (FACET.test(value)) return undefined
  return { field, description: `must be 1 to 63 of a-z 0-9 _ -; got ${shown(value)}` }
}

/** The name of a source or condition, or the id of a request: printable text without spaces. */
export function wordViolation(
  field: string,
  value: string,
  { maxBytes = 256 }: { maxBytes?: number } = {},
): FieldViolation | undefined {
  if (isText(value, 1, maxBytes) && !SPACE.test(value)) return undefined
  return {
    field,
    description: `must be 1 to ${maxBytes} bytes of printable text without spaces; got ${shown(value)}`,
  }
}

/** One line of printable text of `minBytes` (0 unless given) to `maxBytes` bytes of UTF-8. */
export function textViolation(
  field: string,
  value: string,
  limits: { minBytes?: number; maxBytes: number },
): FieldViolation | undefined {
  const minBytes = limits.minBytes ?? 0
  if (isText(value, minBytes, limits.maxBytes)) return undefined
  const description = `must be ${minBytes} to ${limits.maxBytes} bytes of printable text; got ${shown(value)}`
  return { field, description }
}

/** What a reason may be, and where one has to be given. */
export const REASON = { maxBytes: 4096 }
export const REASON_REQUIRED = { minBytes: 1, ...REASON }

/** Words of a person, of `minBytes` (0 unless given) to `maxBytes` bytes: line breaks and tabs are welcome. */
export function proseViolation(
  field: string,
  value: string,
  limits: { minBytes?: number; maxBytes: number },
): FieldViolation | undefined {
  return textViolation(
    field,
    value.length > limits.maxBytes ? value : value.replace(/[\n\r\t]/g, ' '),
    limits,
  )
}

/** `machines/{id}`. */
export function machineNameViolation(field: string, value: string): FieldViolation | undefined {
  return nameViolation(field, value, { parsed: parseMachineName(value), form: 'machines/{id}' })
}

/** `services/{id}`. */
export function serviceNameViolation(field: string, value: string): FieldViolation | undefined {
  return nameViolation(field, value, { parsed: parseServiceName(value), form: 'services/{id}' })
}

/** `runs/{id}`. */
export function runNameViolation(field: string, value: string): FieldViolation | undefined {
  if (parseRunName(value) !== undefined) return undefined
  return { field, description: `must be runs/{id}, the id being a UUID in lower case; got ${shown(value)}` }
}

/** `instances/{machine}~{service}`, with `~{slot}` for a slot other than `main`. */
export function instanceNameViolation(field: string, value: string): FieldViolation | undefined {
  const form = `instances/{machine}~{service}, with ~{slot} after it for a slot other than ${MAIN_SLOT}`
  return nameViolation(field, value, { parsed: parseInstanceName(value), form })
}

/** `findings/{machine}~{service}`, with `~{slot}` for a slot other than `main`. */
export function findingNameViolation(field: string, value: string): FieldViolation | undefined {
  const form = `findings/{machine}~{service}, with ~{slot} after it for a slot other than ${MAIN_SLOT}`
  return nameViolation(field, value, { parsed: parseFindingName(value), form })
}

/** `discoveryRules/{id}`. */
export function ruleNameViolation(field: string, value: string): FieldViolation | undefined {
  return nameViolation(field, value, {
    parsed: parseId('discoveryRules/', value),
    form: 'discoveryRules/{id}',
  })
}

/** At most 64 labels; keys as words of up to 128 bytes, values as text of up to 1,024 bytes. */
export function labelViolations(field: string, labels: Record<string, string>): FieldViolation[] {
  const entries = Object.entries(labels)
  if (entries.length > 64)
    return [{ field, description: `must hold at most 64 labels; got ${entries.length}` }]
  const found: FieldViolation[] = []
  for (const [key, value] of entries) {
    if (!isText(key, 1, 128) || SPACE.test(key)) {
      const rule = '1 to 128 bytes of printable text without spaces'
      found.push({ field: `${field}[${shown(key)}]`, description: `keys must be ${rule}` })
    }
    const violation = textViolation(`${field}[${shown(key)}]`, value, { maxBytes: 1024 })
    if (violation !== undefined) found.push(violation)
  }
  return found
}

/** A value as an error message quotes it: JSON, cut at 64 characters. */
export function shown(value: string): string {
  return value.length <= 64
    ? JSON.stringify(value)
    : `${JSON.stringify(value.slice(0, 61))}… (${value.length} long)`
}

function parseId(collection: string, name: string): string | undefined {
  if (!name.startsWith(collection)) return undefined
  const id = name.slice(collection.length)
  return ID.test(id) ? id : undefined
}

function nameViolation(
  field: string,
  value: string,
  { parsed, form }: { parsed: unknown; form: string },
): FieldViolation | undefined {
  if (parsed !== undefined) return undefined
  const rule = 'ids being 1 to 128 of A-Z a-z 0-9 . _ @ + -, beginning with a letter or digit'
  return { field, description: `must be ${form}, ${rule}; got ${shown(value)}` }
}

function isText(value: string, minBytes: number, maxBytes: number): boolean {
  // The length first: nothing else looks at 10 kB of what may be at most 256 bytes.
  if (value.length > maxBytes) return false
  const bytes = Buffer.byteLength(value)
  return bytes >= minBytes && bytes <= maxBytes && !UNPRINTABLE.test(value)
}
