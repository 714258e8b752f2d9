import type { CommandContext } from '../command-context.ts'
import { logText } from '../output/log-text.ts'

export interface LogFlags {
  follow?: boolean
  tail?: number
}

/** `holdfast log`. */
export async function log(context: CommandContext, run: string, flags: LogFlags): Promise<undefined> {
  const { follow, tail: tailBytes } = flags
  const json = context.settings.output === 'json'
  const decoder = new TextDecoder()
  for await (const piece of context.client().readRunLog(run, { follow, tailBytes })) {
    const { offset, data, stream, machine, time, omittedBytes } = piece
    if (json) {
      const line = {
        ...{ offset: String(offset), omittedBytes: String(omittedBytes), stream, machine },
        time: time?.toISOString(),
        data: Buffer.from(data).toString('base64'),
      }
      await context.print(`${JSON.stringify(line)}\n`)
      continue
    }
    if (omittedBytes > 0n) await context.print(`\n… ${omittedBytes} bytes were not kept …\n`)
    if (process.stdout.isTTY) await context.print(logText(decoder.decode(data, { stream: true })))
    else await context.print(data)
  }
}
