import { celEnv, parse, plan } from '@bufbuild/cel'
import type { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_Mode } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import type { FieldViolation } from '../error.ts'
import { ANY, DIMENSIONS, overlaps } from './scope.ts'

/** Who wants what: what blockers are looked for. */
export interface Attempt {
  scopes: readonly Scope[]
  mode: Lock_Mode
  principal: string
  owner: string
  attributes: Readonly<Record<string, string>>
  requires: readonly string[]
  /** Requests with a lower id came earlier; undefined: all did. */
  ticket: bigint | undefined
}

type Expression = (variables: { attempt: Record<string, string> }) => unknown

const environment = celEnv({})
const MAX_KNOWN = 1000
const known = new Map<string, Expression>()

/** What is wrong with a `when`, with its position. */
export function whenViolation(field: string, text: string): FieldViolation | undefined {
  if (text === '') return undefined
  if (Buffer.byteLength(text) > 1024) return { field, description: 'must be at most 1024 bytes' }
  try {
    compiled(text)
    return undefined
  } catch (error) {
    const fault = error as {
      rawMessage?: string
      message: string
      location?: { start?: { offset?: number } }
    }
    const offset = fault.location?.start?.offset
    const where = offset === undefined ? '' : ` at character ${offset + 1}`
    const what = (fault.rawMessage ?? fault.message).slice(0, 200)
    return {
      field,
      description: `is not a CEL expression${where}: ${what}; such as attempt.version >= "20110502"`,
    }
  }
}

/** Whether a hold that overlaps an attempt blocks it. What cannot be worked out blocks: a hold errs on its side. */
export function blocks(hold: Hold, attempt: Attempt): boolean {
  if (hold.allows.includes(attempt.principal)) return false
  if (hold.when === '') return true
  const { principal, owner, attributes } = attempt
  const mode = attempt.mode === Lock_Mode.SHARED ? 'shared' : 'exclusive'
  return attempt.scopes.some((scope) => {
    if (!overlaps(scope, hold.scope!)) return false
    const variables: Record<string, string> = { ...attributes, principal, owner, mode }
    for (const dimension of DIMENSIONS) {
      const value = scope[dimension] === ANY ? hold.scope![dimension] : scope[dimension]
      // Of all values none is known: one of them may be what the hold is about. Nor may an attribute stand in for it.
      if (value === ANY) delete variables[dimension]
      else variables[dimension] = value
    }
    try {
      return compiled(hold.when)({ attempt: variables }) !== false
    } catch {
      return true
    }
  })
}

export const attemptOf = (lock: Lock, ticket: bigint | undefined): Attempt => ({ ...lock, ticket })

function compiled(text: string): Expression {
  let expression = known.get(text)
  if (expression === undefined) {
    expression = plan(environment, parse(text)) as Expression
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(text, expression)
  }
  return expression
}
