import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { CommandContext } from '../command-context.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { openDoor } from '../http-door.ts'
import { printAnswer } from '../output/answer.ts'
import { UsageError } from '../usage-error.ts'

export interface ImportFlags {
  httpAddress?: string
}

/** `holdfast import chef`: a line that is refused does not hold up the others. */
export async function importChef(
  context: CommandContext,
  file: string,
  flags: ImportFlags,
): Promise<ExitCode | undefined> {
  using door = openDoor(context, { path: '/chef/data-collector', address: flags.httpAddress })
  const counts = { recorded: 0, known: 0, ignored: 0, refused: 0 }
  let line = 0
  try {
    for await (const text of createInterface({ input: open(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      line++
      if (text.trim() === '') continue
      const { status, body } = await door.post(text)
      const { result, message } = body as { result?: keyof typeof counts; message?: string }
      if (status === 200 && result !== undefined) {
        counts[result]++
      } else if (status >= 500 || status === 401) {
        context.warn(`line ${line}: ${door.address} answers ${status}: ${message}`)
        return status === 401 ? exitCode.failed : exitCode.unreachable
      } else {
        counts.refused++
        context.warn(`line ${line} is refused: ${message ?? `HTTP status ${status}`}`)
      }
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      throw new UsageError(`${file} cannot be read: ${message}`)
    }
    context.warn(`line ${line}: nobody answers at ${door.address}: ${message}`)
    context.warn('Say where the server listens for HTTP: --http-address HOST:PORT or HOLDFAST_HTTP_ADDRESS.')
    return exitCode.unreachable
  }
  const { recorded, known, ignored, refused } = counts
  const more = ignored > 0 ? `, ${ignored} about no machine` : ''
  const text = `${file}: ${recorded} recorded, ${known} known before, ${refused} refused${more}`
  await printAnswer(context, text, [{ file, ...counts }])
  return refused > 0 ? exitCode.failed : undefined
}

const open = (file: string): NodeJS.ReadableStream => (file === '-' ? process.stdin : createReadStream(file))
