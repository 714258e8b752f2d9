import type { DeploymentStatus } from '@holdfast/sdk'
import { event } from '@holdfast/sdk/spooled-event'
import type { ReportContext } from '../command-context.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { keepReport } from '../keep-report.ts'
import { DEPLOY_HAND_OVER_MS } from '../report-limits.ts'

/** What `deployed` takes. */
export interface DeployedFlags {
  version: string
  machine: string[]
  status: DeploymentStatus
  environment?: string
  slot?: string
  deployment?: string
  author?: string
  message?: string
  /** Milliseconds. */
  timeout?: number
}

/** `holdfast deployed`. */
export async function deployed(
  context: ReportContext,
  service: string,
  flags: DeployedFlags,
): Promise<ExitCode | undefined> {
  const options = {
    version: flags.version,
    machines: flags.machine,
    environment: flags.environment ?? context.settings.environment,
    slot: flags.slot,
    status: flags.status,
    deploymentId: flags.deployment,
    author: flags.author,
    message: flags.message,
    occurredAt: new Date(),
  }
  const outcome = await keepReport(context, {
    what: `${service} ${flags.version} on ${flags.machine.join(', ')}: ${flags.status}`,
    outgoing: event.deployed(service, options),
    timeoutMs: flags.timeout ?? DEPLOY_HAND_OVER_MS,
    awaited: true,
    direct: async () => (await context.client()).deployed(service, options),
  })
  return outcome === 'refused' ? exitCode.failed : undefined
}
