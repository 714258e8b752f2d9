import { Service } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { printChanged } from '../output/changed-line.ts'
import { shortName } from '../output/short-name.ts'
import { UsageError } from '../usage-error.ts'

/** What `declare` takes. */
export interface DeclareFlags {
  environment?: string
  version?: string
  kind?: string
  owner?: string
  label?: Record<string, string>
  reason?: string
}

/** `holdfast declare`. */
export async function declare(
  context: CommandContext,
  name: string,
  flags: DeclareFlags,
): Promise<undefined> {
  const { version, kind, owner, label, reason } = flags
  const environment = flags.environment ?? (version === undefined ? undefined : context.settings.environment)
  if (version !== undefined && environment === undefined) {
    throw new UsageError('--version needs --environment: which environment should it run in?')
  }
  if (flags.environment !== undefined && version === undefined) {
    throw new UsageError('--environment needs --version: which version should run there?')
  }
  const options = { environment, version, kind, owner, labels: label, reason }
  const { service, revision } = await context.client().declareService(name, options)
  const id = shortName(service.name)
  const what = version === undefined ? `${id} is declared` : `${id} ${version} is declared for ${environment}`
  await printChanged(context, what, Service.toJSON(service), revision)
}
