import { event } from '@holdfast/sdk/spooled-event'
import type { ReportContext } from '../command-context.ts'
import { keepReport } from '../keep-report.ts'
import { HAND_OVER_MS, REPORT_ATTEMPTS } from '../report-limits.ts'
import { machineOf } from '../this-machine.ts'

/** What `started` takes. */
export interface StartedFlags {
  version?: string
  machine?: string
  slot?: string
  environment?: string
  pid?: number
  label?: Record<string, string>
  /** Milliseconds. */
  timeout?: number
}

/** `holdfast started`. */
export async function started(
  context: ReportContext,
  service: string,
  flags: StartedFlags,
): Promise<undefined> {
  const { id, machine } = machineOf(flags.machine, context)
  const options = {
    machine,
    version: flags.version,
    slot: flags.slot,
    environment: flags.environment ?? context.settings.environment,
    process: flags.pid === undefined ? undefined : { pid: flags.pid },
    labels: flags.label,
    occurredAt: new Date(),
  }
  const outgoing = event.started(service, options)
  const { timeout: timeoutMs = HAND_OVER_MS } = flags
  const limits = { timeoutMs, maxAttempts: REPORT_ATTEMPTS }
  const direct = async () => (await context.client()).started(service, { ...options, ...limits })
  await keepReport(context, {
    what: `${service} started on ${id}`,
    outgoing,
    timeoutMs,
    direct,
  })
}
