import { dataDirOf, Forwarder, nudgeAgent, Spool, spoolDirOf } from '@holdfast/agent/spool'
import type { OutgoingEvent, Written } from '@holdfast/sdk'
import type { CommandContext } from './command-context.ts'
import { describeFailure } from './failure.ts'
import { printable } from './output/terminal-text.ts'
import { printWritten } from './output/written-line.ts'
import { HAND_OVER_MS } from './report-limits.ts'

export interface Report {
  /** Such as `airship started on web-0`. */
  what: string
  outgoing: OutgoingEvent
  /** How long to wait for the server, in milliseconds. @defaultValue 250 */
  timeoutMs: number | undefined
  /** Sends it past the spool, for a machine whose disk takes nothing. */
  direct: () => Promise<Written>
}

/**
 * Keeps a report on this machine's disk, then hands it over: to the agent if one runs here, else to the server, as far
 * as that goes in a short time. What was kept is never lost; what stays behind goes with the next forward.
 */
export async function keepReport(context: CommandContext, report: Report): Promise<undefined> {
  const { what, outgoing, timeoutMs = HAND_OVER_MS, direct } = report
  const dataDir = dataDirOf(context.env)
  let spool: Spool
  try {
    spool = new Spool(spoolDirOf(dataDir))
    spool.append(outgoing)
  } catch (error) {
    context.warn(`warning: '${what}' cannot be kept on this machine: ${(error as Error).message}`)
    await printWritten(context, what, await direct())
    return
  }
  if (await nudgeAgent(dataDir))
    return void (await context.print(`${printable(what)} (the agent sends it)\n`))
  const cutOff = new AbortController()
  const client = context.client({ onWarning: () => cutOff.abort() })
  try {
    const { refused, stats } = await new Forwarder({ spool, client }).drain({
      timeoutMs,
      signal: cutOff.signal,
    })
    for (const error of refused) context.warn(`warning: the server refuses for good: ${error.detail}`)
    const { revision, ledgerEpoch } = stats ?? {}
    if (refused.length > 0 || revision === undefined || ledgerEpoch === undefined) return
    await printWritten(context, what, { revision, ledgerEpoch, duplicate: false } as Written)
  } catch (error) {
    const { address } = context.settings
    const why = cutOff.signal.aborted
      ? `no server answers at ${address}`
      : describeFailure(error, address).what
    context.warn(`warning: '${what}' is kept on this machine and not sent yet: ${why}`)
    context.warn("The agent, the next report or 'holdfast spool forward' sends it.")
  }
}
