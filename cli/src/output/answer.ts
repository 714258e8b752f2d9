import type { BareContext } from '../command-context.ts'

/** Prints what a command answers: lines for people, or one array for programs. */
export async function printAnswer(
  { settings, print }: BareContext,
  text: string,
  json: readonly unknown[],
): Promise<void> {
  await print(settings.output === 'json' ? `${JSON.stringify(json, undefined, 2)}\n` : `${text}\n`)
}
