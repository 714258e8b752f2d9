import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import {
  type Amendment,
  DeclareService,
  RestoreMachine,
  RetireMachine,
  UpdateMachine,
} from '../domain/amend-resource.ts'
import { refuseViolations } from '../domain/error.ts'
import {
  idViolation,
  labelViolations,
  machineNameViolation,
  parseMachineName,
  parseServiceName,
  proseViolation,
  REASON,
  REASON_REQUIRED,
  serviceNameViolation,
  textViolation,
} from '../domain/resource-name.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { CallContext, Handlers } from './handler.ts'

type Amendments = Pick<
  Handlers<typeof StateServiceService>,
  'updateMachine' | 'retireMachine' | 'restoreMachine' | 'declareService'
>

/** The methods of StateService that change a machine or service because somebody says so. */
export function amendments(ledger: Ledger): Amendments {
  return {
    async updateMachine(request, context) {
      refuseViolations([
        machineNameViolation('name', request.name),
        proseViolation('reason', request.reason, REASON),
        ...labelViolations('labels', request.labels),
      ])
      const command = new UpdateMachine(machineAmendment('UpdateMachine', request, context), request.labels)
      const { resource: machine, revision } = await ledger.submit(command, context.signal)
      return { machine, revision }
    },

    async retireMachine(request, context) {
      refuseViolations([
        machineNameViolation('name', request.name),
        proseViolation('reason', request.reason, REASON_REQUIRED),
      ])
      const command = new RetireMachine(machineAmendment('RetireMachine', request, context))
      const { resource: machine, revision } = await ledger.submit(command, context.signal)
      return { machine, revision }
    },

    async restoreMachine(request, context) {
      refuseViolations([
        machineNameViolation('name', request.name),
        proseViolation('reason', request.reason, REASON),
      ])
      const command = new RestoreMachine(machineAmendment('RestoreMachine', request, context))
      const { resource: machine, revision } = await ledger.submit(command, context.signal)
      return { machine, revision }
    },

    async declareService(request, context) {
      const { name, kind, owner, environment, version, labels, etag, reason } = request
      refuseViolations([
        serviceNameViolation('name', name),
        textViolation('kind', kind, { maxBytes: 128 }),
        textViolation('owner', owner, { maxBytes: 256 }),
        textViolation('version', version, { maxBytes: 256 }),
        version !== '' || environment !== '' ? idViolation('environment', environment) : undefined,
        environment !== '' && version === ''
          ? { field: 'version', description: 'is required together with environment' }
          : undefined,
        proseViolation('reason', reason, REASON),
        ...labelViolations('labels', labels),
      ])
      const { principal, signal } = context
      const id = parseServiceName(name)!
      const command = new DeclareService({ id, method: 'DeclareService', reason, etag, principal }, request)
      const { resource: service, revision } = await ledger.submit(command, signal)
      return { service, revision }
    },
  }
}

const machineAmendment = (
  method: string,
  { name, etag, reason }: { name: string; etag: string; reason: string },
  { principal }: CallContext,
): Amendment => ({ id: parseMachineName(name)!, method, reason, etag, principal })
