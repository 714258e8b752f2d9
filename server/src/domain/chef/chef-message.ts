import { type FieldViolation, refuseViolations } from '../error.ts'
import type { Instant } from '../instant.ts'
import { idViolation, MAX_ID_LENGTH, shown } from '../resource-name.ts'
import { parseRfc3339 } from '../rfc3339.ts'
import { type JsonObject, listOf, objectOf, textOf } from './json-field.ts'

/** What every message tells. */
interface Sender {
  /** As Chef names the node. */
  nodeName: string
  /** The node's name as an id of a machine. */
  machineId: string
  /** Chef's node uuid; empty when it is not told. */
  guid: string
}

/** A converge begins. */
export interface ChefRunStart extends Sender {
  type: 'run_start'
  runId: string
  source: string
  startedAt: Instant | undefined
}

/** A converge has ended. */
export interface ChefConverge extends Sender {
  type: 'run_converge'
  runId: string
  source: string
  startedAt: Instant | undefined
  endedAt: Instant | undefined
  succeeded: boolean
  resources: readonly JsonObject[]
  /** All the rest, which may be missing. */
  body: JsonObject
}

/** A node is there. */
export interface ChefLiveness extends Sender {
  type: 'liveness'
  seenAt: Instant | undefined
}

/** A message of Chef's that says nothing of a machine, such as of a role that was edited. */
export interface ChefAction {
  type: 'action'
}

export type ChefMessage = ChefRunStart | ChefConverge | ChefLiveness | ChefAction

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * Reads a message of the data collector. What it cannot do without (its type, the run's id, the node's name, times
 * that are given, and how a converge ended) must be right, else INVALID_REQUEST is thrown with all that is wrong;
 * whatever else is missing or of another type is taken as not told: chef-client sends a message once.
 */
export function readChefMessage(json: unknown): ChefMessage {
  const body = objectOf(json)
  const found: (FieldViolation | undefined)[] = []
  const message = read(body, typeof body.message_type === 'string' ? body.message_type : typeOf(body), found)
  refuseViolations(found)
  return message!
}

/** Liveness messages have an `event_type` in place of a `message_type`. */
const typeOf = ({ event_type }: JsonObject): string => (event_type === 'node_ping' ? 'liveness' : '')

function read(
  body: JsonObject,
  type: string,
  found: (FieldViolation | undefined)[],
): ChefMessage | undefined {
  if (type === 'action') return { type }
  if (type !== 'run_start' && type !== 'run_converge' && type !== 'liveness') {
    const description = `must be run_start, run_converge or action, or event_type node_ping; got ${shown(type)}`
    found.push({ field: 'message_type', description })
    return undefined
  }
  const nodeName = textOf(body.node_name)
  const machineId = machineIdOf(nodeName)
  found.push(idViolation('node_name', machineId))
  const sender: Sender = { nodeName, machineId, guid: guidOf(body.entity_uuid) }
  const time = (field: string): Instant | undefined => timeOf(field, body[field], found)
  if (type === 'liveness') return { type, ...sender, seenAt: time('@timestamp') }

  const runId = textOf(body.run_id).toLowerCase()
  if (!UUID.test(runId)) {
    found.push({ field: 'run_id', description: `must be a UUID; got ${shownValue(body.run_id)}` })
  }
  const run = { ...sender, runId, source: textOf(body.source), startedAt: time('start_time') }
  if (type === 'run_start') return { type, ...run }

  const { status, resources = [] } = body
  if (status !== 'success' && status !== 'failure') {
    found.push({ field: 'status', description: `must be success or failure; got ${shownValue(status)}` })
  }
  if (resources !== null && !Array.isArray(resources)) {
    found.push({ field: 'resources', description: `must be a list; got ${shownValue(resources)}` })
  }
  return {
    ...{ type, ...run, body },
    endedAt: time('end_time'),
    succeeded: status === 'success',
    resources: listOf(resources).map(objectOf),
  }
}

/** A node's name with what ids may not hold replaced by `-`. */
const machineIdOf = (nodeName: string): string =>
  nodeName
    .replace(/[^A-Za-z0-9._@+-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, MAX_ID_LENGTH)

/** A uuid that is none would match what it should not: only what looks like one is an alias. */
function guidOf(value: unknown): string {
  const guid = textOf(value).toLowerCase()
  return UUID.test(guid) && !/^(.)\1*$/.test(guid.replaceAll('-', '')) ? guid : ''
}

function timeOf(field: string, value: unknown, found: (FieldViolation | undefined)[]): Instant | undefined {
  if (value === undefined || value === null) return undefined
  const time = parseRfc3339(textOf(value))
  if (time === undefined) {
    const description = `must be a time such as 2026-11-25T10:34:35Z; got ${shownValue(value)}`
    found.push({ field, description })
  }
  return time
}

const shownValue = (value: unknown): string =>
  value === undefined ? 'nothing' : shown(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
