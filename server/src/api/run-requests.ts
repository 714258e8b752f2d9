import { type LogEntry, Run_Kind, Run_State, RunTarget_Outcome } from '../../../proto/gen/holdfast/v1/run.ts'
import type {
  FinishRunRequest,
  ReportTargetRequest,
  StartRunRequest,
} from '../../../proto/gen/holdfast/v1/run_service.ts'
import type { FieldViolation } from '../domain/error.ts'
import {
  idViolation,
  labelViolations,
  machineNameViolation,
  proseViolation,
  runNameViolation,
  textViolation,
} from '../domain/resource-name.ts'
import { timeViolation } from '../domain/rfc3339.ts'
import { searchTerms } from '../domain/runs/search-terms.ts'
import { issuedNameViolation, leaseViolation } from './lock-request.ts'

export const MAX_TARGETS = 10_000
const MAX_REPORTS = 1000
export const MAX_APPEND_BYTES = 1024 * 1024
const KINDS: readonly number[] = Object.values(Run_Kind).filter((kind) => Number(kind) > 0)
const ENDS: readonly number[] = [Run_State.SUCCEEDED, Run_State.FAILED, Run_State.CANCELLED]
const OUTCOMES: readonly number[] = [
  RunTarget_Outcome.PENDING,
  RunTarget_Outcome.SUCCEEDED,
  RunTarget_Outcome.FAILED,
  RunTarget_Outcome.SKIPPED,
]

type Found = (FieldViolation | undefined)[]

/** What is wrong with a request to start a run. */
export function startViolations(request: StartRunRequest): Found {
  const { kind, service, version, environment, slot, machines } = request
  const deploys = kind === Run_Kind.DEPLOY
  const found: Found = [
    runNameViolation('name', request.name),
    KINDS.includes(kind)
      ? undefined
      : { field: 'kind', description: 'must be KIND_DEPLOY, KIND_CONVERGE, KIND_MIGRATION or KIND_TASK' },
    deploys || service !== '' ? idViolation('service', service) : undefined,
    textViolation('version', version, { minBytes: deploys ? 1 : 0, maxBytes: 256 }),
    environment === '' ? undefined : idViolation('environment', environment),
    slot === '' ? undefined : idViolation('slot', slot),
    textViolation('author', request.author, { maxBytes: 256 }),
    textViolation('title', request.title, { maxBytes: 256 }),
    request.parent === '' ? undefined : runNameViolation('parent', request.parent),
    timeViolation('start_time', request.startTime),
    ...labelViolations('labels', request.labels),
    ...lockViolations(request),
  ]
  if (machines.length > MAX_TARGETS) {
    const description = `must hold at most ${MAX_TARGETS}; got ${machines.length}. Make a run for each part, with one parent`
    return [...found, { field: 'machines', description }]
  }
  return [...found, ...machines.map((id, i) => idViolation(`machines[${i}]`, id))]
}

/** A lock and its token come together: one without the other guards nothing. */
function lockViolations({ lock, fencingToken, lease }: StartRunRequest): Found {
  if (lock === '') {
    return Object.entries({ fencing_token: fencingToken !== 0n, lease: lease !== '' })
      .filter(([, given]) => given)
      .map(([field]) => ({ field, description: 'needs lock with it' }))
  }
  return [
    issuedNameViolation('lock', 'locks', lock),
    lease === '' ? undefined : leaseViolation('lease', lease),
    fencingToken > 0n
      ? undefined
      : { field: 'fencing_token', description: 'is required with lock: the token of its grant' },
  ]
}

/** What is wrong with a request to end a run. */
export const finishViolations = (request: FinishRunRequest): Found => [
  runNameViolation('name', request.name),
  ENDS.includes(request.state)
    ? undefined
    : { field: 'state', description: 'must be STATE_SUCCEEDED, STATE_FAILED or STATE_CANCELLED' },
  proseViolation('message', request.message, { maxBytes: 4096 }),
  timeViolation('end_time', request.endTime),
]

/** What is wrong with reports of targets. */
export function reportViolations({ name, targets }: ReportTargetRequest): Found {
  const found: Found = [runNameViolation('name', name)]
  if (targets.length < 1 || targets.length > MAX_REPORTS) {
    const description = `must hold 1 to ${MAX_REPORTS}; got ${targets.length}`
    return [...found, { field: 'targets', description }]
  }
  const seen = new Set<string>()
  for (const [i, { machine, outcome, message }] of targets.entries()) {
    found.push(idViolation(`targets[${i}].machine`, machine))
    found.push(proseViolation(`targets[${i}].message`, message, { maxBytes: 4096 }))
    if (!OUTCOMES.includes(outcome)) {
      const description = 'must be OUTCOME_PENDING, OUTCOME_SUCCEEDED, OUTCOME_FAILED or OUTCOME_SKIPPED'
      found.push({ field: `targets[${i}].outcome`, description })
    }
    if (seen.has(machine)) {
      found.push({ field: `targets[${i}].machine`, description: `names ${machine} a second time` })
    }
    seen.add(machine)
  }
  return found
}

/** What is wrong with entries of a log. */
export function entryViolations(entries: readonly LogEntry[]): Found {
  const bytes = entries.reduce((sum, { data }) => sum + data.length, 0)
  const found: Found = []
  if (bytes > MAX_APPEND_BYTES) {
    const description = `must hold at most ${MAX_APPEND_BYTES} bytes of data in one message; got ${bytes}. Split it`
    found.push({ field: 'entries', description })
  }
  for (const [i, { omittedBytes, machine, time, offset }] of entries.entries()) {
    if (omittedBytes !== 0n) {
      found.push({
        field: `entries[${i}].omitted_bytes`,
        description: 'is told by the server; leave it unset',
      })
    }
    found.push(offsetViolation(`entries[${i}].offset`, offset))
    if (machine !== '') found.push(machineNameViolation(`entries[${i}].machine`, machine))
    found.push(timeViolation(`entries[${i}].time`, time))
  }
  return found
}

/** What is wrong with a place in a log. No log comes so far, and PostgreSQL counts to 2^63 only. */
export const offsetViolation = (field: string, offset: bigint): FieldViolation | undefined =>
  offset > MAX_OFFSET ? { field, description: `must be at most ${MAX_OFFSET}` } : undefined

/** What is wrong with what is searched for. */
export function searchViolation(search: string): FieldViolation | undefined {
  if (search === '') return undefined
  const terms = search.trim().split(/\s+/).length
  const words = searchTerms(search, { parts: false }).length
  if (words > 0 && terms <= MAX_SEARCH_TERMS && Buffer.byteLength(search) <= 256) return undefined
  const description = `must hold 1 to ${MAX_SEARCH_TERMS} terms with letters or digits in them, in at most 256 bytes`
  return { field: 'search', description }
}

const MAX_SEARCH_TERMS = 8
const MAX_OFFSET = 1n << 50n
