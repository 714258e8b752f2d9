import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { InvalidRequestError } from '../errors.ts'

/** A scope in parts. What is left out of a box means any; `name` is the other form, and goes alone. */
export interface ScopeParts {
  environment?: string | undefined
  service?: string | undefined
  machine?: string | undefined
  name?: string | undefined
}

/**
 * What a lock or hold covers: `production/airship/web-0`, with missing parts meaning `*`; `name:db-migration`;
 * or the same in parts.
 */
export type ScopeInput = string | ScopeParts

const namePrefix = 'name:'

/**
 * The scope as the protocol carries it.
 *
 * @throws InvalidRequestError when the text is none, or a name goes together with a box.
 */
export function scopeOf(input: ScopeInput): Scope {
  return typeof input === 'string' ? scopeOfText(input) : scopeOfParts(input)
}

/** The scope as people write it, without the `*` at its end. */
export function scopeText({ environment, service, machine, name }: Scope): string {
  if (name !== '') return namePrefix + name
  const parts = [environment || '*', service || '*', machine || '*']
  while (parts.length > 1 && parts.at(-1) === '*') parts.pop()
  return parts.join('/')
}

function scopeOfText(text: string): Scope {
  if (text.startsWith(namePrefix)) return scopeOfParts({ name: text.slice(namePrefix.length) })
  const [environment, service, machine, ...rest] = text.split('/')
  if (text === '' || rest.length > 0) {
    throw invalid(`"${text}" is no scope: write environment/service/machine, with * for any, or name:…`)
  }
  return scopeOfParts({ environment, service, machine })
}

function scopeOfParts({ environment, service, machine, name }: ScopeParts): Scope {
  if (name !== undefined) {
    if (name === '') throw invalid('a scope of the form name:… has a name')
    if (environment || service || machine) {
      throw invalid('a scope is a name or a box of environment, service and machine: give one of them')
    }
    return { environment: '', service: '', machine: '', name }
  }
  const scope = { environment: environment ?? '', service: service ?? '', machine: machine ?? '', name: '' }
  if (!scope.environment && !scope.service && !scope.machine) {
    throw invalid('a scope names something; to cover everything, say *')
  }
  return scope
}

function invalid(detail: string): InvalidRequestError {
  return new InvalidRequestError(detail, { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' })
}
