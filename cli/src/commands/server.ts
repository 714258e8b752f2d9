import type { ExitCode } from '../exit-code.ts'
import { UsageError } from '../usage-error.ts'

/**
 * `holdfast server`: the server in this process, from its source; it is no part of the bundle. Its flags are
 * its own. Resolves when it has ended, to its exit code.
 */
export async function serve(argv: readonly string[]): Promise<ExitCode> {
  if (process.features.typescript === false) {
    throw new UsageError(`the server needs Node 22.18 or newer; this is ${process.version}`)
  }
  const { runServer } = await import('../../../server/src/main.ts')
  return (await runServer([...argv])) as ExitCode
}
