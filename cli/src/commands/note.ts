import type { CommandContext } from '../command-context.ts'
import { printWritten } from '../output/written-line.ts'

/** What `note` takes. */
export interface NoteFlags {
  machine?: string
  service?: string
  environment?: string
}

/** `holdfast note`. */
export async function note(context: CommandContext, text: string, flags: NoteFlags): Promise<undefined> {
  const environment = flags.environment ?? context.settings.environment
  const written = await context.client().note(text, { ...flags, environment })
  await printWritten(context, 'noted', written)
}
