import type { Revision } from '@holdfast/sdk'
import type { CommandContext } from '../command-context.ts'
import { printAnswer } from './answer.ts'
import { printable } from './terminal-text.ts'

/** Prints a resource after a change: a line for people, or an array with the resource. */
export async function printChanged(
  context: CommandContext,
  what: string,
  resource: unknown,
  revision: Revision,
): Promise<void> {
  await printAnswer(context, `${printable(what)} (revision ${revision})`, [resource])
}
