import { type Finding, Finding_Decision } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { API_SOURCE, recordAmendment } from '../amendment.ts'
import type { Command } from '../command.ts'
import { HoldfastError } from '../error.ts'
import type { LoadKeys } from '../load-keys.ts'
import { findingName, type InstanceKey, instanceName, machineName, serviceName } from '../resource-name.ts'
import type { Row, WorkingSet } from '../working-set.ts'
import { isMonitored, stateOf, traitsOf } from './finding-state.ts'
import { putRunning } from './fold-scan.ts'

export interface Resolution {
  key: InstanceKey
  decision: Finding['decision']
  /** Empty: whatever it is. */
  etag: string
  reason: string
  principal: string
}

/** Decides about a finding; accepting or enforcing it makes its instance. */
export class ResolveFinding implements Command<{ finding: Finding; revision: bigint }> {
  readonly size = 1024
  readonly #resolution: Resolution

  constructor(resolution: Resolution) {
    this.#resolution = resolution
  }

  collect(keys: LoadKeys): void {
    const { key } = this.#resolution
    keys.named('finding', findingName(key))
    keys.named('machine', machineName(key.machine))
    keys.named('service', serviceName(key.service))
    keys.named('instance', instanceName(key))
    keys.source(API_SOURCE, 0)
  }

  decide(state: WorkingSet): { finding: Finding; revision: bigint } {
    const { value: row, revision } = state.revise(() => this.#resolve(state))
    if (revision === undefined) return { finding: row.resource, revision: state.head }
    const { reason, principal } = this.#resolution
    recordAmendment(state, {
      ...{ resource: row.resource.name, method: 'ResolveFinding', reason, principal, revision },
      machineId: state.find('machine', row.resource.machine)?.id,
      serviceId: state.find('service', serviceName(row.resource.service))?.id,
    })
    return { finding: row.resource, revision }
  }

  #resolve(state: WorkingSet): Row<'finding'> {
    const { key, decision, etag, reason, principal } = this.#resolution
    const name = findingName(key)
    const row = state.find('finding', name)
    if (row === undefined) {
      throw new HoldfastError('NOT_FOUND', `there is no ${name}; list the findings to see their names`, {
        metadata: { resource: name },
      })
    }
    const before = row.resource
    if (etag !== '' && etag !== before.etag) {
      throw new HoldfastError(
        'ETAG_MISMATCH',
        `${name} has changed since you read it (etag is ${before.etag}, not ${etag}); read it again and decide anew`,
        { metadata: { resource: name, etag: before.etag } },
      )
    }
    const decided = decision !== Finding_Decision.UNSPECIFIED
    const after: Finding = {
      ...before,
      decision,
      decideTime: decided ? state.nowTimestamp : undefined,
      decidedBy: decided ? principal : '',
      decideReason: decided ? reason : '',
      accepted: undefined,
    }
    if (isMonitored(after)) after.accepted = traitsOf(before.process)
    after.state = stateOf(after)
    if (before.decision === decision && before.state === after.state) return row
    if (before.state !== after.state) after.stateTime = state.nowTimestamp
    const put = state.put('finding', after, row.observedAt)
    if (isMonitored(after) && after.present) {
      const effectiveAt = row.observedAt
      putRunning(state, put.resource, {
        source: API_SOURCE,
        epoch: 0,
        seq: 0,
        effectiveAt,
        occurredAt: effectiveAt,
        principal,
      })
    }
    return put
  }
}
