import type { Holdfast } from '@holdfast/sdk'
import { CommanderError } from 'commander'
import { openClient } from './client.ts'
import type { Lenience, Within } from './define-command.ts'
import type { Serving } from './define-serving.ts'
import { exitCode } from './exit-code.ts'
import { describeFailure } from './failure.ts'
import { paintFor } from './output/terminal-text.ts'
import { buildProgram } from './program.ts'
import { type GlobalFlags, resolveSettings, type Settings, salvageSettings } from './settings.ts'
import { UsageError } from './usage-error.ts'

/** Where a run of the command line takes from and writes to. */
export interface Surroundings {
  env: NodeJS.ProcessEnv
  stdout: NodeJS.WritableStream & { isTTY?: boolean }
  stderr: NodeJS.WritableStream
}

/** Runs one command line, without the names of node and the program, and gives its exit code. Never rejects. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, stdout, stderr } = surroundings
  const clients: Holdfast[] = []
  const warn = (line: string) => void stderr.write(`holdfast: ${line}\n`)
  let address = ''
  let code: number = exitCode.done

  const within: Within = async (flags, work, lenience) => {
    try {
      const { settings, broken } = settingsFor(flags, env, lenience)
      address = settings.address
      const client: Parameters<typeof work>[0]['client'] = (options) => {
        if (broken !== undefined) throw broken
        const opened = openClient(settings, options)
        clients.push(opened)
        address = opened.address
        return opened
      }
      const print = (text: string | Uint8Array) => written(stdout, text)
      code =
        (await work({ settings, client, print, warn, paint: paintFor(stdout, env), env })) ?? exitCode.done
    } catch (error) {
      if (lenience === undefined || lenience.fails || isBrokenPipe(error)) throw error
      const failure = describeFailure(error, address)
      warn(`warning: '${lenience.unrecorded}' is NOT recorded: ${failure.what}`)
      if (failure.code !== exitCode.unreachable) return
      warn('It could not be kept for later either: run the command again when the server is back.')
    }
  }

  const serving: Serving = async (work) => {
    code = await work()
  }
  const program = buildProgram(within, serving, {
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has said it already, and help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
    if (isBrokenPipe(error)) return exitCode.done
    const failure = describeFailure(error, address)
    for (const line of [failure.what, ...failure.hints]) warn(line)
    return failure.code
  } finally {
    for (const client of clients) client.close()
  }
}

/** Settings that cannot be used do not keep a report from being kept: they are told when a server is to be called. */
function settingsFor(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
  lenience: Lenience | undefined,
): { settings: Settings; broken?: UsageError } {
  try {
    return { settings: resolveSettings(flags, env) }
  } catch (error) {
    if (lenience === undefined || !(error instanceof UsageError)) throw error
    return { settings: salvageSettings(flags, env), broken: error }
  }
}

function written(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

/** The reader of a pipe, such as `head`, has seen enough. */
function isBrokenPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE'
}
