import type { Machine } from '../../proto/gen/holdfast/v1/machine.ts'
import type { Service } from '../../proto/gen/holdfast/v1/service.ts'
import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { nameOf } from './machine-ref.ts'
import { present } from './reads.ts'
import type { Revision } from './revision.ts'
import { rpc } from './rpc.ts'

/** What a write that people make takes. */
export interface ChangeOptions extends CallOptions {
  /** The `etag` of what was read: the write is refused with {@link ConflictError} if it changed since. */
  etag?: string | undefined
  /** Why, for the timeline. */
  reason?: string | undefined
}

/** What {@link Holdfast.updateMachine} changes. */
export interface UpdateMachineOptions extends ChangeOptions {
  /** Labels to set; an empty value removes the label. Others stay. */
  labels: Record<string, string>
}

/** What {@link Holdfast.retireMachine} takes. */
export interface RetireMachineOptions extends ChangeOptions {
  /** Why. */
  reason: string
}

/** What {@link Holdfast.declareService} declares. What is left out stays as it is. */
export interface DeclareServiceOptions extends ChangeOptions {
  /** The type of service, such as `postgres`. */
  kind?: string | undefined
  /** Who answers for it. */
  owner?: string | undefined
  /** Labels to set; an empty value removes the label. */
  labels?: Record<string, string> | undefined
  /** The environment that `version` is for. Required with it. */
  environment?: string | undefined
  /** The version that should run there. */
  version?: string | undefined
}

/** A machine after a change. */
export interface ChangedMachine {
  machine: Machine
  /** The revision of the change; the last one if nothing changed. A read at it sees the change. */
  revision: Revision
}

/** A service after a change. */
export interface ChangedService {
  service: Service
  /** The revision of the change; the last one if nothing changed. A read at it sees the change. */
  revision: Revision
}

const stateService = async () =>
  (await import('../../proto/gen/holdfast/v1/state_service.ts')).StateServiceDefinition

export async function updateMachine(
  connection: Connection,
  name: string,
  options: UpdateMachineOptions,
): Promise<ChangedMachine> {
  const definition = await stateService()
  const request = { ...machineFields(name, options), labels: options.labels }
  return machineIn(
    await connection.unary(rpc(definition, definition.methods.updateMachine), request, options),
  )
}

export async function retireMachine(
  connection: Connection,
  name: string,
  options: RetireMachineOptions,
): Promise<ChangedMachine> {
  const definition = await stateService()
  const method = rpc(definition, definition.methods.retireMachine)
  return machineIn(await connection.unary(method, machineFields(name, options), options))
}

export async function restoreMachine(
  connection: Connection,
  name: string,
  options: ChangeOptions,
): Promise<ChangedMachine> {
  const definition = await stateService()
  const method = rpc(definition, definition.methods.restoreMachine)
  return machineIn(await connection.unary(method, machineFields(name, options), options))
}

export async function declareService(
  connection: Connection,
  name: string,
  options: DeclareServiceOptions,
): Promise<ChangedService> {
  const definition = await stateService()
  const request = {
    name: nameOf('services', name),
    kind: options.kind ?? '',
    owner: options.owner ?? '',
    labels: options.labels ?? {},
    environment: options.environment ?? '',
    version: options.version ?? '',
    etag: options.etag ?? '',
    reason: options.reason ?? '',
  }
  const { service, revision } = await connection.unary(
    rpc(definition, definition.methods.declareService),
    request,
    options,
  )
  return { service: present(service), revision: revision as Revision }
}

function machineFields(name: string, { etag = '', reason = '' }: ChangeOptions) {
  return { name: nameOf('machines', name), etag, reason }
}

function machineIn({
  machine,
  revision,
}: {
  machine: Machine | undefined
  revision: bigint
}): ChangedMachine {
  return { machine: present(machine), revision: revision as Revision }
}
