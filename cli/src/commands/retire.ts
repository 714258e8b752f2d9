import { Machine } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { printChanged } from '../output/changed-line.ts'
import { shortName } from '../output/short-name.ts'

/** `holdfast retire`. */
export async function retire(
  context: CommandContext,
  name: string,
  flags: { reason: string },
): Promise<undefined> {
  const { machine, revision } = await context.client().retireMachine(name, { reason: flags.reason })
  await printChanged(context, `${shortName(machine.name)} is retired`, Machine.toJSON(machine), revision)
}

/** `holdfast restore`. */
export async function restore(
  context: CommandContext,
  name: string,
  flags: { reason?: string },
): Promise<undefined> {
  const { machine, revision } = await context.client().restoreMachine(name, { reason: flags.reason })
  await printChanged(context, `${shortName(machine.name)} is active`, Machine.toJSON(machine), revision)
}
