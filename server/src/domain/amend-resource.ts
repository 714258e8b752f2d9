import { type Machine, Machine_Lifecycle } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Service, Service_DeclaredVersion } from '../../../proto/gen/holdfast/v1/service.ts'
import { API_SOURCE, recordAmendment } from './amendment.ts'
import type { Command } from './command.ts'
import { HoldfastError, notFound } from './error.ts'
import { requireEtag } from './etag.ts'
import { mergedLabels, resolveService } from './fold/resource.ts'
import type { LedgerMessage } from './kind.ts'
import type { LoadKeys } from './load-keys.ts'
import { settleConflicts } from './machine-identity.ts'
import { machineName, serviceName } from './resource-name.ts'
import type { Row } from './rows.ts'
import type { WorkingSet } from './working-set.ts'

/** A change that somebody asks for, rather than an event that happened. */
export interface Amendment {
  /** The id of the resource. */
  id: string
  /** The rpc, such as `RetireMachine`. */
  method: string
  reason: string
  /** Empty: whatever it is. */
  etag: string
  principal: string
}

export interface Amended<K extends 'machine' | 'service'> {
  resource: LedgerMessage[K]
  revision: bigint
}

abstract class AmendResource<K extends 'machine' | 'service'> implements Command<Amended<K>> {
  readonly size = 1024
  protected readonly amendment: Amendment

  constructor(amendment: Amendment) {
    this.amendment = amendment
  }

  abstract collect(keys: LoadKeys): void
  protected abstract find(state: WorkingSet): Row<K>
  /** The resource after the change; undefined when there is nothing to change. */
  protected abstract amend(resource: LedgerMessage[K], state: WorkingSet): LedgerMessage[K] | undefined
  protected abstract readonly kind: K

  decide(state: WorkingSet): Amended<K> {
    const { etag, method, reason, principal } = this.amendment
    const { value: row, revision } = state.revise(() => {
      const found = this.find(state)
      requireEtag(found.resource, etag)
      const amended = this.amend(found.resource, state)
      return amended === undefined ? found : state.put(this.kind, amended, found.observedAt)
    })
    if (revision === undefined) return { resource: row.resource, revision: state.head }

    recordAmendment(state, {
      resource: row.resource.name,
      method,
      reason,
      principal,
      revision,
      ...(this.kind === 'machine' ? { machineId: row.id } : { serviceId: row.id }),
    })
    return { resource: row.resource, revision }
  }
}

abstract class AmendMachine extends AmendResource<'machine'> {
  protected readonly kind = 'machine'

  collect(keys: LoadKeys): void {
    keys.named('machine', machineName(this.amendment.id))
    keys.source(API_SOURCE, 0)
  }

  protected find(state: WorkingSet): Row<'machine'> {
    const name = machineName(this.amendment.id)
    const row = state.find('machine', name)
    if (row !== undefined) return row
    throw notFound(name, 'list the machines to see their names')
  }
}

/** Sets labels; an empty value removes one. */
export class UpdateMachine extends AmendMachine {
  readonly #labels: Record<string, string>

  constructor(amendment: Amendment, labels: Record<string, string>) {
    super(amendment)
    this.#labels = labels
  }

  protected amend(machine: Machine, state: WorkingSet): Machine | undefined {
    state.labelTimes.tell(state.find('machine', machine.name)!.id, this.#labels, state.now)
    const labels = mergedLabels(machine.labels, this.#labels)
    return labels === undefined ? undefined : { ...machine, labels }
  }
}

/** Takes a machine out of use. It is in conflict with none any more. */
export class RetireMachine extends AmendMachine {
  override collect(keys: LoadKeys): void {
    super.collect(keys)
    keys.machineWithConflicts(this.amendment.id)
  }

  protected amend(machine: Machine, state: WorkingSet): Machine | undefined {
    if (machine.lifecycle === Machine_Lifecycle.RETIRED) return undefined
    const retireReason = this.amendment.reason
    return {
      ...settleConflicts(state, machine),
      lifecycle: Machine_Lifecycle.RETIRED,
      retireTime: state.nowTimestamp,
      retireReason,
    }
  }
}

/** Takes a retired machine back into use. */
export class RestoreMachine extends AmendMachine {
  protected amend(machine: Machine): Machine | undefined {
    if (machine.lifecycle === Machine_Lifecycle.ACTIVE) return undefined
    return { ...machine, lifecycle: Machine_Lifecycle.ACTIVE, retireTime: undefined, retireReason: '' }
  }
}

/** What a service is, and which version should run in one environment. Empty: as it is. */
export interface Declaration {
  kind: string
  owner: string
  labels: Record<string, string>
  environment: string
  version: string
}

/** Says what a service is; makes it if it is new. */
export class DeclareService extends AmendResource<'service'> {
  protected readonly kind = 'service'
  readonly #declaration: Declaration

  constructor(amendment: Amendment, declaration: Declaration) {
    super(amendment)
    this.#declaration = declaration
  }

  collect(keys: LoadKeys): void {
    keys.named('service', serviceName(this.amendment.id))
    keys.source(API_SOURCE, 0)
  }

  protected find(state: WorkingSet): Row<'service'> {
    const name = serviceName(this.amendment.id)
    if (this.amendment.etag !== '' && state.find('service', name) === undefined) {
      throw new HoldfastError('ETAG_MISMATCH', `there is no ${name} yet; leave the etag out to make it`, {
        metadata: { resource: name },
      })
    }
    return resolveService(state, this.amendment.id)
  }

  protected amend(service: Service, state: WorkingSet): Service | undefined {
    const { kind, owner, environment, version } = this.#declaration
    const labels = mergedLabels(service.labels, this.#declaration.labels)
    const declared = service.declaredVersions.find((entry) => entry.environment === environment)
    const newVersion = version !== '' && declared?.version !== version
    if (
      labels === undefined &&
      !newVersion &&
      (kind === '' || kind === service.kind) &&
      (owner === '' || owner === service.owner)
    ) {
      return undefined
    }
    const entry: Service_DeclaredVersion = {
      environment,
      version,
      declareTime: state.nowTimestamp,
      declaredBy: this.amendment.principal,
    }
    return {
      ...service,
      kind: kind || service.kind,
      owner: owner || service.owner,
      labels: labels ?? service.labels,
      declaredVersions: newVersion
        ? [...service.declaredVersions.filter((other) => other !== declared), entry].sort((a, b) =>
            a.environment < b.environment ? -1 : 1,
          )
        : service.declaredVersions,
    }
  }
}
