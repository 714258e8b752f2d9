import type { Holdfast } from '@holdfast/sdk'
import { CommanderError } from 'commander'
import type { BareContext, ClientOptions } from './command-context.ts'
import type { Reporting, Within } from './define-command.ts'
import type { Serving } from './define-serving.ts'
import { exitCode } from './exit-code.ts'
import { paintFor } from './output/terminal-text.ts'
import { buildScriptProgram, isScriptReport } from './script-program.ts'
import { type GlobalFlags, resolveSettings, type Settings, salvageSettings } from './settings.ts'
import { UsageError } from './usage-error.ts'

/** Where a run of the command line takes from and writes to. */
export interface Surroundings {
  env: NodeJS.ProcessEnv
  stdout: NodeJS.WritableStream & { isTTY?: boolean }
  stderr: NodeJS.WritableStream
}

/**
 * Runs one command line, without the names of node and the program, and gives its exit code. Never rejects. What
 * calls a server, and what tells of its errors, is loaded when it is needed: a start script has no time for it.
 */
export async function run(argv: readonly string[], { env, stdout, stderr }: Surroundings): Promise<number> {
  const clients: Holdfast[] = []
  const warn = (line: string) => void stderr.write(`holdfast: ${line}\n`)
  let address = ''
  let code: number = exitCode.done

  const bare = (settings: Settings): BareContext => {
    address = settings.address
    const print = (text: string | Uint8Array) => written(stdout, text)
    return { settings, print, warn, paint: paintFor(stdout, env), env }
  }
  const clientMaker = async (settings: Settings) => {
    const { openClient } = await import('./client.ts')
    return (options?: ClientOptions) => {
      const opened = openClient(settings, options)
      clients.push(opened)
      address = opened.address
      return opened
    }
  }
  const failureOf = async (error: unknown) => (await import('./failure.ts')).describeFailure(error, address)

  const within: Within = async (flags, work) => {
    const settings = resolveSettings(flags, env)
    const client = await clientMaker(settings)
    code = (await work({ ...bare(settings), client })) ?? exitCode.done
  }
  const reporting: Reporting = async (flags, work, { unrecorded, fails }) => {
    try {
      const { settings, broken } = settingsFor(flags, env)
      const client = async (options?: ClientOptions) => {
        if (broken !== undefined) throw broken
        return (await clientMaker(settings))(options)
      }
      code = (await work({ ...bare(settings), broken, client })) ?? exitCode.done
    } catch (error) {
      if (fails || isBrokenPipe(error)) throw error
      const failure = await failureOf(error)
      warn(`warning: '${unrecorded}' is NOT recorded: ${failure.what}`)
      if (failure.code !== exitCode.unreachable) return
      warn('It could not be kept for later either: run the command again when the server is back.')
    }
  }
  const serving: Serving = async (work) => {
    code = await work()
  }
  const output = {
    writeOut: (text: string) => void stdout.write(text),
    writeErr: (text: string) => void stderr.write(text),
  }
  try {
    const program = isScriptReport(argv)
      ? buildScriptProgram(reporting, output)
      : (await import('./program.ts')).buildProgram({ within, reporting, serving }, output)
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has said it already, and help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage
    if (isBrokenPipe(error)) return exitCode.done
    const failure = await failureOf(error)
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
): { settings: Settings; broken?: UsageError } {
  try {
    return { settings: resolveSettings(flags, env) }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
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
