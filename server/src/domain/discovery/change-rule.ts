import { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { API_SOURCE, recordAmendment } from '../amendment.ts'
import type { Command } from '../command.ts'
import { HoldfastError, invalidRequest, notFound } from '../error.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { BUILTIN_RULES } from './builtin-rules.ts'
import { isActive } from './rule-book.ts'

/** The most rules that are kept, deleted ones included. */
const MAX_RULES = 500

export interface RuleChange {
  name: string
  method: 'PutDiscoveryRule' | 'DeleteDiscoveryRule'
  /** Undefined to delete it. */
  rule: DiscoveryRule | undefined
  etag: string
  reason: string
  principal: string
}

export interface ChangedRule {
  rule: DiscoveryRule
  /** What it took the place of: undefined when nothing was active. */
  before: DiscoveryRule | undefined
  revision: bigint
}

/** Puts a rule, or deletes one. */
export class ChangeRule implements Command<ChangedRule> {
  readonly size: number
  readonly #change: RuleChange

  constructor(change: RuleChange) {
    this.#change = change
    this.size = 4096
  }

  collect(keys: LoadKeys): void {
    keys.rules = true
    keys.source(API_SOURCE, 0)
  }

  decide(state: WorkingSet): ChangedRule {
    const { name, method, reason, principal } = this.#change
    const before =
      state.find('rule', name)?.resource ?? BUILTIN_RULES.find(({ rule }) => rule.name === name)?.rule
    const { value: row, revision } = state.revise(() => this.#put(state, before))
    const changed = {
      rule: row?.resource ?? before!,
      before: before !== undefined && isActive(before) ? before : undefined,
    }
    if (revision === undefined) return { ...changed, revision: state.head }
    recordAmendment(state, { resource: name, method, reason, principal, revision })
    return { ...changed, revision }
  }

  #put(state: WorkingSet, before: DiscoveryRule | undefined): Row<'rule'> | undefined {
    const { name, rule, etag } = this.#change
    if (rule === undefined && before === undefined) {
      throw notFound(name, 'list the rules to see their names')
    }
    if (etag !== '' && etag !== before?.etag) {
      const is = before?.etag ? `its etag is ${before.etag}` : 'it has none'
      throw new HoldfastError(
        'ETAG_MISMATCH',
        `${name} has changed since you read it: ${is}; read it again`,
        {
          metadata: { resource: name },
        },
      )
    }
    if (state.find('rule', name) === undefined && state.rows.rule.size >= MAX_RULES) {
      const description = `must be one of the ${MAX_RULES} that there are, deleted ones included; no more are kept`
      throw invalidRequest([{ field: rule === undefined ? 'name' : 'rule.name', description }])
    }
    const next: DiscoveryRule = {
      ...(rule ?? before!),
      ...{ name, builtin: false, etag: '', revision: 0n, updateTime: undefined },
      deleteTime: rule === undefined ? (before!.deleteTime ?? state.nowTimestamp) : undefined,
      uid: before?.uid || state.newUid(),
      createTime: before?.createTime,
    }
    if (before !== undefined && says(before) === says(next)) return undefined
    return state.put('rule', next)
  }
}

/** What a rule says, apart from what keeps the books. */
const says = (rule: DiscoveryRule): string =>
  Buffer.from(
    DiscoveryRule.encode({
      ...rule,
      ...{ uid: '', etag: '', revision: 0n, createTime: undefined, updateTime: undefined, builtin: false },
    }).finish(),
  ).toString('base64')
