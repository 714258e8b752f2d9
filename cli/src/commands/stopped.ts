import { event } from '@holdfast/sdk/spooled-event'
import type { ReportContext } from '../command-context.ts'
import { keepReport } from '../keep-report.ts'
import { HAND_OVER_MS, REPORT_ATTEMPTS } from '../report-limits.ts'
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
  context: ReportContext,
  service: string,
  flags: StoppedFlags,
): Promise<undefined> {
  const { id, machine } = machineOf(flags.machine, context)
  const options = {
    machine,
    slot: flags.slot,
    exitCode: flags.exitCode,
    reason: flags.reason,
    occurredAt: new Date(),
  }
  const outgoing = event.stopped(service, options)
  const { timeout: timeoutMs = HAND_OVER_MS } = flags
  const limits = { timeoutMs, maxAttempts: REPORT_ATTEMPTS }
  const direct = async () => (await context.client()).stopped(service, { ...options, ...limits })
  await keepReport(context, {
    what: `${service} stopped on ${id}`,
    outgoing,
    timeoutMs,
    direct,
  })
}
