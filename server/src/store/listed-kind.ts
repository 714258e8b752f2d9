import { type Lock, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { FilterFields } from '../domain/filter/field.ts'
import { conjuncts, type Filter } from '../domain/filter/filter.ts'
import {
  CONDITION_FIELDS,
  FINDING_FIELDS,
  HOLD_FIELDS,
  INSTANCE_FIELDS,
  LOCK_FIELDS,
  MACHINE_FIELDS,
  SERVICE_FIELDS,
} from '../domain/filter/resource-fields.ts'
import type { KindMessage } from '../domain/kind.ts'
import type { FilterColumn, FilterColumns } from './filter-sql.ts'
import { freshnessOf } from './freshness.ts'
import { type Sql, sql } from './sql.ts'

/** The kinds that have lists. */
export type ListedKind = 'machine' | 'service' | 'instance' | 'condition' | 'lock' | 'hold' | 'finding'

/** How a kind of resource lies in its table, which every statement calls `t`. */
export interface Listing<K extends ListedKind> {
  kind: K
  table: Sql
  collection: string
  fields: FilterFields<KindMessage[K]>
  columns: FilterColumns
  /** Small enough (some 10,000 rows) to look at every row for one page. */
  small: boolean
  /** Fields that an index finds rows by. */
  indexed: ReadonlySet<string>
  /** Fields that, each equal to something, are what an index begins with that goes on with the name. */
  byName?: readonly (readonly string[])[]
  /** For a filter that few rows pass: a condition that finds them, and holds of each that has not changed since. */
  few?: (filter: Filter<KindMessage[K]>) => Sql | undefined
  /** The orders that all of a large table can be read in, as `order_by` has them; ascending serves both ways. */
  orders?: readonly string[]
}

const text = (column: Sql, collection?: string): FilterColumn =>
  collection === undefined ? { type: 'text', column } : { type: 'text', column, collection }
const number = (column: Sql): FilterColumn => ({ type: 'number', column })
const time = (column: Sql, nullable = false): FilterColumn => ({ type: 'time', column, nullable })

const STAMPED: [string, FilterColumn][] = [
  ['create_time', time(sql`t.created_at`)],
  ['update_time', time(sql`t.updated_at`)],
  ['labels', { type: 'labels', column: sql`t.labels` }],
]

const MACHINES: Listing<'machine'> = {
  kind: 'machine',
  table: sql`machine`,
  collection: 'machines/',
  fields: MACHINE_FIELDS,
  small: true,
  indexed: new Set(),
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'machines/')],
    ['lifecycle', number(sql`t.lifecycle`)],
    ['arch', text(sql`t.arch collate "C"`)],
    ['os_type', text(sql`t.os_type collate "C"`)],
    ['cpu_logical_count', number(sql`t.cpu_logical_count`)],
    ['memory_bytes', number(sql`t.memory_bytes`)],
    ['disk_bytes', number(sql`t.disk_bytes`)],
    ['freshness', number(freshnessOf('machine'))],
    ...STAMPED,
    [
      'alias',
      {
        type: 'list',
        id: sql`t.id`,
        value: sql`a.value`,
        select: (where) => sql`select a.machine_id from machine_alias a where ${where}`,
      },
    ],
  ]),
}

const SERVICES: Listing<'service'> = {
  kind: 'service',
  table: sql`service`,
  collection: 'services/',
  fields: SERVICE_FIELDS,
  small: true,
  indexed: new Set(),
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'services/')],
    ['kind', text(sql`t.kind`)],
    ['owner', text(sql`t.owner`)],
    ...STAMPED,
  ]),
}

const INSTANCES: Listing<'instance'> = {
  kind: 'instance',
  table: sql`instance`,
  collection: 'instances/',
  fields: INSTANCE_FIELDS,
  small: false,
  indexed: new Set(['service', 'environment', 'labels']),
  byName: [['environment'], ['service', 'environment']],
  // An index on what changes more often would make every change rewrite all index entries of the row.
  orders: ['name', 'machine', 'service', 'environment', 'create_time', 'update_time desc'],
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'instances/')],
    ['machine', text(sql`t.machine`)],
    ['service', text(sql`t.service`)],
    ['slot', text(sql`t.slot`)],
    ['environment', text(sql`t.environment`)],
    ['state', number(sql`t.state`)],
    ['running_version', text(sql`t.running_version`)],
    ['deployed_version', text(sql`t.deployed_version`)],
    ['freshness', number(freshnessOf('instance'))],
    ['state_time', time(sql`t.state_at`, true)],
    ...STAMPED,
  ]),
}

const FINDINGS: Listing<'finding'> = {
  kind: 'finding',
  table: sql`finding`,
  collection: 'findings/',
  fields: FINDING_FIELDS,
  small: false,
  indexed: new Set(['machine', 'service', 'state']),
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'findings/')],
    ['machine', text(sql`t.machine`)],
    ['service', text(sql`t.service`)],
    ['slot', text(sql`t.slot`)],
    ['state', number(sql`t.state`)],
    ['decision', number(sql`t.decision`)],
    ['rule', text(sql`t.rule`)],
    ['version', text(sql`t.version`)],
    ['present', number(sql`t.present`)],
    ['freshness', number(freshnessOf('finding'))],
    ['create_time', time(sql`t.created_at`)],
    ['update_time', time(sql`t.updated_at`)],
    ['state_time', time(sql`t.state_at`, true)],
  ]),
}

const TIMES = STAMPED.slice(0, 2)

const CONDITIONS: Listing<'condition'> = {
  kind: 'condition',
  table: sql`condition`,
  collection: 'conditions/',
  fields: CONDITION_FIELDS,
  small: true,
  indexed: new Set(),
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'conditions/')],
    ['satisfied_by', text(sql`t.satisfied_by`)],
    ...TIMES,
  ]),
}

/** Whether a filter lets only locks through that are held or wait. */
const excludesEnded = (filter: Filter<Lock>): boolean =>
  conjuncts(filter).some((term) => {
    const { test, negated } =
      term.type === 'not' ? { test: term.term, negated: true } : { test: term, negated: false }
    if (test.type !== 'test' || test.field.name !== 'state' || test.predicate.op !== 'equal') return false
    const isEnded = BigInt(test.predicate.value) === BigInt(Lock_State.ENDED)
    return isEnded === (test.negated !== negated)
  })

const LOCKS: Listing<'lock'> = {
  kind: 'lock',
  table: sql`lock`,
  collection: 'locks/',
  fields: LOCK_FIELDS,
  small: false,
  indexed: new Set(),
  few: (filter) => (excludesEnded(filter) ? sql`t.id in (select id from live_lock_id)` : undefined),
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'locks/')],
    ['state', number(sql`t.state`)],
    ['mode', number(sql`t.mode`)],
    ['owner', text(sql`t.owner`)],
    ['principal', text(sql`t.principal`)],
    ['lease', text(sql`t.lease`)],
    ['end_cause', number(sql`t.end_cause`)],
    ...TIMES,
  ]),
}

const HOLDS: Listing<'hold'> = {
  kind: 'hold',
  table: sql`hold`,
  collection: 'holds/',
  fields: HOLD_FIELDS,
  small: true,
  indexed: new Set(),
  columns: new Map<string, FilterColumn>([
    ['name', text(sql`t.name`, 'holds/')],
    ['state', number(sql`t.state`)],
    ['author', text(sql`t.author`)],
    ['until_condition', text(sql`t.until_condition`)],
    ...TIMES,
  ]),
}

export const LISTINGS: { readonly [K in ListedKind]: Listing<K> } = {
  machine: MACHINES,
  service: SERVICES,
  instance: INSTANCES,
  finding: FINDINGS,
  condition: CONDITIONS,
  lock: LOCKS,
  hold: HOLDS,
}
