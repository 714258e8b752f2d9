import type { CommandContext } from '../command-context.ts'
import { printWritten } from '../output/written-line.ts'
import { REPORT_ATTEMPTS, REPORT_TIMEOUT_MS } from '../report-limits.ts'
import { machineOf } from '../this-machine.ts'

/** What `stopped` takes. */
export interface StoppedFlags {
  machine?: string
  slot?: string
  exitCode?: number
  reason?: string
  /** Milliseconds. */
  timeout?: number
}

/** `holdfast stopped`. */
export async function stopped(
  context: CommandContext,
  service: string,
  flags: StoppedFlags,
): Promise<undefined> {
  const { id, machine } = machineOf(flags.machine, context.settings)
  const written = await context.client().stopped(service, {
    machine,
    slot: flags.slot,
    exitCode: flags.exitCode,
    reason: flags.reason,
    timeoutMs: flags.timeout ?? REPORT_TIMEOUT_MS,
    maxAttempts: REPORT_ATTEMPTS,
  })
  await printWritten(context, `${service} stopped on ${id}`, written)
}
