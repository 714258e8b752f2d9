import { readFileSync, writeFileSync } from 'node:fs'
import {
  BundleRefusedError,
  dataDirOf,
  loadBundle,
  packBundle,
  publicKeyOf,
  Spool,
  spoolDirOf,
} from '@holdfast/agent/spool'
import type { CommandContext } from '../command-context.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { printAnswer } from '../output/answer.ts'
import { printable } from '../output/terminal-text.ts'
import { UsageError } from '../usage-error.ts'

/** `holdfast spool key`. */
export async function spoolKey(context: CommandContext): Promise<undefined> {
  const publicKey = publicKeyOf(openSpool(context))
  await printAnswer(context, publicKey, [{ publicKey }])
}

/** `holdfast spool export`. */
export async function spoolExport(context: CommandContext, file: string): Promise<undefined> {
  const { bytes, events } = packBundle(openSpool(context))
  writeFileSync(file, bytes, { mode: 0o600, flush: true })
  await printAnswer(context, `exported ${events} to ${file}`, [{ file, events }])
}

/** `holdfast spool import`: a bundle that is refused does not hold up the others. */
export async function spoolImport(
  context: CommandContext,
  files: readonly string[],
  flags: { trustedKeys: string },
): Promise<ExitCode | undefined> {
  const trusted = read(flags.trustedKeys)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s/)[0]!)
    .filter((key) => key !== '' && !key.startsWith('#'))
  const client = context.client()
  const json = context.settings.output === 'json'
  const loaded: object[] = []
  let code: ExitCode | undefined
  for (const file of files) {
    try {
      const { accepted, duplicates, refused } = await loadBundle(read(file), trusted, client, {
        onRefused: ({ message }) => context.warn(`${file}: refused for good: ${printable(message)}`),
      })
      loaded.push({ file, accepted, duplicates, refused })
      if (json) continue
      await context.print(`${file}: ${accepted} new, ${duplicates} known before, ${refused} refused\n`)
    } catch (error) {
      if (!(error instanceof BundleRefusedError)) throw error
      context.warn(`${file} is not loaded: ${error.message}`)
      code = exitCode.failed
    }
  }
  if (json) await printAnswer(context, '', loaded)
  return code
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

function openSpool({ env }: CommandContext): Spool {
  return new Spool(spoolDirOf(dataDirOf(env)))
}
