import type { RunTarget_Outcome } from '../../../proto/gen/holdfast/v1/run.ts'
import type { Instant } from '../domain/instant.ts'
import type { LoadKeys } from '../domain/load-keys.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { textArray } from './binary-array.ts'
import { LoadedKind, type LoadedRow, resource, select } from './loaded-row.ts'
import type { Part } from './one-statement.ts'
import { micros } from './pg-types.ts'

const target = select(LoadedKind.target, {
  id: 't.run_id',
  revision: 't.outcome::int8',
  create_revision: micros('t.started_at'),
  observed_at: micros('t.reported_at'),
  name: 't.machine',
  detail: 't.message',
})

/**
 * Targets of runs as the batch asks for them, the service of each run, and the machines and instances that a
 * deploy would move. What a run is about stands in its row, so the database joins, and nobody asks twice.
 */
export function runTargets({ runTargets: named, pendingTargets }: LoadKeys): Part[] {
  if (named.size === 0 && pendingTargets.size === 0) return []
  const services = textArray([...new Set([...named.keys(), ...pendingTargets])])
  const parts: Part[] = [
    {
      name: 'run-services',
      text: `${resource('service')} from service
        where name in (select 'services/' || r.service from run r where r.name = any($1::text[]))`,
      values: [services],
    },
  ]
  if (named.size > 0) {
    const pairs = [...named].flatMap(([run, machines]) => [...machines].map((machine) => ({ run, machine })))
    const values = [textArray(pairs.map(({ run }) => run)), textArray(pairs.map(({ machine }) => machine))]
    const from = `unnest($1::text[], $2::text[]) k(run, machine) join run r on r.name = k.run`
    parts.push(
      {
        name: 'run-targets',
        text: `${target} from ${from} join run_target t on t.run_id = r.id and t.machine = k.machine`,
        values,
      },
      {
        name: 'run-instances',
        text: instancesOf(`select r.service, k.machine, r.slot from ${from}`),
        values,
      },
    )
  }
  if (pendingTargets.size > 0) {
    const values = [textArray([...pendingTargets])]
    const from = `run r join run_target t on t.run_id = r.id and t.outcome = 1 where r.name = any($1::text[])`
    parts.push(
      { name: 'pending-targets', text: `${target} from ${from}`, values },
      {
        name: 'pending-machines',
        text: `${resource('machine')} from machine where name in (select 'machines/' || t.machine from ${from})`,
        values,
      },
      {
        name: 'pending-instances',
        text: instancesOf(`select r.service, t.machine, r.slot from ${from}`),
        values,
      },
    )
  }
  return parts
}

const instancesOf = (keys: string): string =>
  `${resource('instance')} from instance where (service, machine, slot) in (${keys})`

/** Adds a target of a load to what a batch sees. */
export function addTarget(state: WorkingSet, row: LoadedRow): void {
  state.targets.set(`${row.id}\n${row.name}`, {
    runId: row.id,
    machine: row.name,
    outcome: Number(row.revision) as RunTarget_Outcome,
    message: row.detail,
    reportedAt: row.observed_at as Instant,
    startedAt: row.create_revision as Instant,
  })
}
