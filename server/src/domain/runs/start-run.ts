import { type Run, Run_State, RunTarget_Outcome } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { StartRunRequest } from '../../../../proto/gen/holdfast/v1/run_service.ts'
import { API_SOURCE } from '../amendment.ts'
import type { Command } from '../command.ts'
import { HoldfastError, invalidRequest } from '../error.ts'
import { DEFAULT_ENVIRONMENT, resolveService } from '../fold/resource.ts'
import { earlier, instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import type { LoadKeys } from '../load-keys.ts'
import { requireFence } from '../locks/release-lock.ts'
import { resolveMachine } from '../machine-identity.ts'
import { idOf, MAIN_SLOT, machineName, serviceName } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { recordRunEvent, toldOfRun } from './run-event.ts'
import { joinLock } from './run-fence.ts'
import { MAX_SHOWN, noTargets } from './target-outcome.ts'

/** A run after a command, and a revision at which it stands so. */
export interface RunOutcome {
  run: Run
  revision: bigint
}

/** Starts a run with its targets; a run that was started so before stays as it is. */
export class StartRun implements Command<RunOutcome> {
  readonly size: number
  readonly #request: StartRunRequest
  readonly #principal: string

  /** @param request found valid. */
  constructor(request: StartRunRequest, principal: string) {
    this.#request = request
    this.#principal = principal
    this.size = 2048 + request.machines.length * 400
  }

  collect(keys: LoadKeys): void {
    const { name, service, slot, machines } = this.#request
    keys.named('run', name)
    keys.source(API_SOURCE, 0)
    if (service !== '') keys.named('service', serviceName(service))
    for (const id of machines) {
      keys.named('machine', machineName(id))
      if (service !== '') keys.instance({ id, aliases: [] }, service, slot)
    }
  }

  decide(state: WorkingSet): RunOutcome {
    const standing = state.find('run', this.#request.name)
    if (standing !== undefined) return this.#again(standing, state.head)
    const { value, revision } = state.revise(() => this.#start(state))
    const { row, machines } = value
    recordRunEvent(state, row.resource, {
      payload: { $case: 'runStarted', value: { ...toldOfRun(row.resource), title: row.resource.title } },
      machines,
      principal: this.#principal,
      revision: revision!,
    })
    return { run: row.resource, revision: revision! }
  }

  #start(state: WorkingSet): { row: Row<'run'>; machines: Row<'machine'>[] } {
    const { service, startTime, machines: ids } = this.#request
    const lock = this.#requireLock(state)
    if (service !== '') resolveService(state, service)
    const machines = [...new Set(ids)].map((id) => resolveMachine(state, { id, aliases: [] }))
    const startedAt =
      startTime === undefined ? state.now : earlier(instantFromTimestamp(startTime), state.now)
    const total = machines.length
    const row = state.put('run', {
      ...this.#fixed(),
      lease: lock?.resource.lease ?? '',
      uid: state.newUid(),
      etag: '',
      createTime: undefined,
      updateTime: undefined,
      revision: 0n,
      state: Run_State.RUNNING,
      principal: this.#principal,
      startTime: timestampFromInstant(startedAt),
      endTime: undefined,
      message: '',
      machines: machines.slice(0, MAX_SHOWN).map(({ resource }) => resource.name),
      targets: { ...noTargets(), total, pending: total },
      exitCode: undefined,
    })
    if (lock !== undefined) joinLock(state, lock, row.resource.name)
    for (const { resource } of machines) {
      state.putTarget({
        runId: row.id,
        machine: idOf(resource.name),
        outcome: RunTarget_Outcome.PENDING,
        message: '',
        reportedAt: state.now,
        startedAt,
      })
    }
    return { row, machines }
  }

  /** The lock that it is to go on under. */
  #requireLock(state: WorkingSet): Row<'lock'> | undefined {
    const { lock: name, fencingToken, lease } = this.#request
    if (name === '') return undefined
    const lock = requireFence(state, { name, fencingToken })
    if (lease === '' || lease === lock.resource.lease) return lock
    throw invalidRequest([
      { field: 'lease', description: `must be that of ${name}, ${lock.resource.lease}, or empty` },
    ])
  }

  /** What of a run never changes, but for its lease, which the lock tells. */
  #fixed() {
    const { name, kind, service, version, title, parent, labels, lock, fencingToken } = this.#request
    return {
      ...{ name, kind, version, title, parent, labels, lock, fencingToken },
      service: service === '' ? '' : serviceName(service),
      environment: this.#request.environment || DEFAULT_ENVIRONMENT,
      slot: this.#request.slot || MAIN_SLOT,
      author: this.#request.author || this.#principal,
    }
  }

  #again({ resource: run }: Row<'run'>, head: bigint): RunOutcome {
    const { labels: _, ...fixed } = this.#fixed()
    const other = Object.entries(fixed).find(([field, value]) => run[field as keyof typeof fixed] !== value)
    if (other === undefined) return { run, revision: head }
    throw new HoldfastError(
      'RUN_ID_REUSED',
      `${run.name} was started before, with another ${other[0]}; mint a new id for each run`,
      { metadata: { resource: run.name, field: other[0] } },
    )
  }
}
