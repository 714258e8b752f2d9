import type { Blocker } from '@holdfast/sdk'
import type { CommandContext } from '../command-context.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { printAnswer } from '../output/answer.ts'
import { blockersText } from '../output/blocker-lines.ts'
import { shortName } from '../output/short-name.ts'
import { printable } from '../output/terminal-text.ts'

/** What `can-deploy` takes. */
export interface CanDeployFlags {
  environment?: string
  to?: string[]
  version?: string
  requires?: string[]
}

/** `holdfast can-deploy`: done when a deployment could begin now; else lists all that is in the way. */
export async function canDeploy(
  context: CommandContext,
  service: string,
  flags: CanDeployFlags,
): Promise<ExitCode> {
  const { version, requires, to: machines } = flags
  const environment = flags.environment ?? context.settings.environment ?? 'production'
  const asked = { service, environment, machines, version, requires }
  const { allowed, blockers, totalBlockers } = await context.client().canDeploy(asked)
  const code = allowed ? exitCode.done : exitCode.blocked
  const what = [shortName(service), version].filter(Boolean).join(' ')
  const where = machines === undefined ? environment : `${environment}, on ${machines.join(', ')}`
  const answer = `${what} ${allowed ? 'can' : 'cannot'} be deployed to ${where}`
  const lines = [printable(answer), ...blockersText(blockers, totalBlockers, new Date())]
  await printAnswer(context, lines.join('\n'), blockers.map(blockerJson))
  return code
}

/** As proto3 JSON writes times. */
function blockerJson({ sinceAt, untilAt, ...blocker }: Blocker): object {
  return { ...blocker, sinceTime: sinceAt?.toISOString(), untilTime: untilAt?.toISOString() }
}
