import type { DeploymentStatus } from '@holdfast/sdk'
import type { CommandContext } from '../command-context.ts'
import { printWritten } from '../output/written-line.ts'

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
}

/** `holdfast deployed`. */
export async function deployed(
  context: CommandContext,
  service: string,
  flags: DeployedFlags,
): Promise<undefined> {
  const written = await context.client().deployed(service, {
    version: flags.version,
    machines: flags.machine,
    environment: flags.environment ?? context.settings.environment,
    slot: flags.slot,
    status: flags.status,
    deploymentId: flags.deployment,
    author: flags.author,
    message: flags.message,
  })
  const machines = flags.machine.join(', ')
  await printWritten(context, `${service} ${flags.version} on ${machines}: ${flags.status}`, written)
}
