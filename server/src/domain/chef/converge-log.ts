import { hideSecrets } from '../../../../runtime/hide-secrets.ts'
import type { ChefConverge } from './chef-message.ts'
import { countOf, type JsonObject, listOf, objectOf, textOf, textsOf } from './json-field.ts'

/** The log of a converge, much as chef-client prints it, and apart from that its error. */
export interface ConvergeLog {
  output: string
  /** Empty when there was none. */
  error: string
}

/**
 * A line for each resource, with what was done and how it ended, then deprecations, the error and a summary.
 * Differences and the states before and after are not kept: they hold whole files, with the secrets in them.
 */
export function convergeLog(converge: ChefConverge): ConvergeLog {
  const { body, nodeName, resources } = converge
  const runList = textsOf(body.run_list)
  const parts = [
    `Converging ${nodeName}${runList.length > 0 ? ` with ${runList.join(', ')}` : ''}`,
    ...resources.map((resource) => resourceLines(resource).join('\n')),
    ...listOf(body.deprecations).map((one) => deprecationLine(objectOf(one))),
    summaryOf(converge),
  ]
  const error = errorLines(objectOf(body.error)).join('\n')
  return { output: hidden(parts), error: error === '' ? '' : hidden([error]) }
}

/** How a converge went, in a line. */
export function summaryOf({ body, resources, succeeded, startedAt, endedAt }: ChefConverge): string {
  const updated =
    countOf(body.updated_resource_count) ?? resources.filter(({ status }) => status === 'updated').length
  const total = countOf(body.total_resource_count) ?? resources.length
  const took =
    startedAt === undefined || endedAt === undefined || endedAt < startedAt
      ? ''
      : ` in ${Number((endedAt - startedAt) / 1_000_000n)} s`
  return `${succeeded ? 'succeeded' : 'failed'}: ${updated} of ${total} resources updated${took}`
}

/** What went wrong, in a line; empty when nothing did. */
export function errorOf({ body }: ChefConverge): string {
  const error = objectOf(body.error)
  return hideSecrets([textOf(error.class), textOf(error.message)].filter((text) => text !== '').join(': '))
}

function resourceLines(resource: JsonObject): string[] {
  const duration = textOf(resource.duration) || String(countOf(resource.duration) ?? '')
  const recipe = [textOf(resource.cookbook_name), textOf(resource.recipe_name)]
    .filter((part) => part !== '')
    .join('::')
  const why = textOf(resource.conditional)
  const ignored = resource.ignore_failure === true || resource.ignore_failure === 'quiet'
  const parts = [
    `  * ${textOf(resource.type)}[${textOf(resource.name) || textOf(resource.id)}]`,
    `action ${textOf(resource.result)}: ${textOf(resource.status)}`,
    why === '' ? '' : `due to ${why}`,
    duration === '' ? '' : `(${duration} ms)`,
    recipe === '' ? '' : `in ${recipe}`,
    ignored ? 'failure ignored' : '',
  ]
  const line = parts.filter((part) => part !== '').join(' ')
  const delta = textOf(resource.delta)
  const error = textOf(resource.error_message) || textOf(objectOf(resource.error).message)
  return [
    line,
    ...(delta === '' ? [] : [`      a difference of ${delta.length} characters is not kept`]),
    ...(error === '' ? [] : indented(error)),
  ]
}

function deprecationLine(deprecation: JsonObject): string {
  const place = textOf(deprecation.location)
  return `  deprecated: ${textOf(deprecation.message)}${place === '' ? '' : ` at ${place}`}`
}

function errorLines(error: JsonObject): string[] {
  const { title, sections } = objectOf(error.description)
  const heading = [textOf(error.class), textOf(error.message)].filter((text) => text !== '').join(': ')
  const lines = [
    heading,
    textOf(title),
    ...listOf(sections).flatMap((section) =>
      Object.entries(objectOf(section)).flatMap(([name, text]) => [name, ...indented(textOf(text))]),
    ),
    ...textsOf(error.backtrace).map((place) => `  from ${place}`),
  ]
  return lines.filter((line) => line.trim() !== '')
}

const indented = (text: string): string[] => text.split('\n').map((line) => `      ${line}`)

/** Each by itself: what looks like a secret that was cut off, or like a quote that is never closed, ends with its part. */
const hidden = (parts: readonly string[]): string => parts.map((part) => `${hideSecrets(part)}\n`).join('')
