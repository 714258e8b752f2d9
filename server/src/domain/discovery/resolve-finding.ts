import { type Finding, Finding_Decision } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { API_SOURCE, recordAmendment } from '../amendment.ts'
import type { Command } from '../command.ts'
import { HoldfastError, notFound } from '../error.ts'
import { requireEtag } from '../etag.ts'
import type { LoadKeys } from '../load-keys.ts'
import { isRetired } from '../machine-identity.ts'
import { findingName, type InstanceKey, instanceName, machineName, serviceName } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { putKnown, putRunning } from './finding-instance.ts'
import { isMonitored, newFinding, stateOf, traitsOf } from './finding-state.ts'

export interface Resolution {
  key: InstanceKey
  decision: Finding['decision']
  /** Empty: whatever it is. */
  etag: string
  reason: string
  principal: string
}

/** Decides about a finding; accepting or enforcing it makes its instance. What must run need not have been found. */
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
    const { decision, etag, reason, principal } = this.#resolution
    const row = this.#row(state)
    const before = row?.resource ?? this.#unseen(state)
    requireEtag(before, etag)
    const after: Finding = {
      ...before,
      decision,
      // Also of a decision that is taken back: what somebody spoke of is not accepted by itself.
      decideTime: state.nowTimestamp,
      decidedBy: principal,
      decideReason: reason,
      accepted: undefined,
    }
    if (isMonitored(after) && before.process !== undefined) after.accepted = traitsOf(before.process)
    after.state = stateOf(after)
    if (row !== undefined && before.decision === decision && before.state === after.state) return row
    if (before.state !== after.state) after.stateTime = state.nowTimestamp
    const put = state.put('finding', after, row?.observedAt)
    if (isMonitored(after) && after.present) {
      const effectiveAt = put.observedAt
      const origin = { source: API_SOURCE, epoch: 0, seq: 0, effectiveAt, occurredAt: effectiveAt, principal }
      putRunning(state, put.resource, { origin, ruled: isMonitored(before) ? before.labels : {} })
    } else if (row === undefined) {
      putKnown(state, put.resource)
    }
    return put
  }

  #row(state: WorkingSet): Row<'finding'> | undefined {
    const { key, decision } = this.#resolution
    const name = findingName(key)
    const row = state.find('finding', name)
    if (row !== undefined || decision === Finding_Decision.ENFORCED) return row
    throw notFound(name, 'list the findings to see their names')
  }

  /** What no scan has shown. */
  #unseen(state: WorkingSet): Finding {
    const { key } = this.#resolution
    const machine = state.find('machine', machineName(key.machine))
    if (machine !== undefined && !isRetired(machine)) {
      return newFinding(state, machine, key)
    }
    const name = machineName(key.machine)
    const why = machine === undefined ? `there is no ${name}` : `${name} is retired`
    throw new HoldfastError('NOT_FOUND', `${why}; list the machines to see where something can be enforced`, {
      metadata: { resource: name },
    })
  }
}
