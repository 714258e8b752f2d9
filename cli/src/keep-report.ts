import { dataDirOf, nudgeAgent, Spool, spoolDirOf } from '@holdfast/agent/spool/append'
import type { OutgoingEvent, Written } from '@holdfast/sdk'
import type { ReportContext } from './command-context.ts'
import { printAnswer } from './output/answer.ts'
import { printable } from './output/terminal-text.ts'
import { printWritten } from './output/written-line.ts'

export interface Report {
  /** Such as `airship started on web-0`. */
  what: string
  outgoing: OutgoingEvent
  /** How long to wait for the server, in milliseconds. An agent on this machine gets a fifth of it. */
  timeoutMs: number
  /** Whether its caller must know what the server says of it: an agent gets it only when it is not sent in time. */
  awaited?: boolean
  /** Sends it past the spool, for a machine whose disk takes nothing. */
  direct: () => Promise<Written>
}

/** Of a report that waits on this machine, for programs. */
const KEPT = [{ kept: true }]

/** What became of a report: settled at the server, kept for later, or never to be taken. */
export type ReportOutcome = 'settled' | 'kept' | 'refused'

/**
 * Keeps a report on this machine's disk, then hands it over: to the agent if one runs here, else to the server, as far
 * as that goes in a short time. What was kept is never lost; what stays behind goes with the next forward.
 * Nothing that can be wrong with the settings comes before the keeping.
 */
export async function keepReport(context: ReportContext, report: Report): Promise<ReportOutcome> {
  const { what, outgoing, awaited = false, direct } = report
  const dataDir = dataDirOf(context.env)
  let spool: Spool
  let id: string
  try {
    spool = new Spool(spoolDirOf(dataDir))
    id = spool.append(outgoing)
  } catch (error) {
    context.warn(`warning: '${what}' cannot be kept on this machine: ${(error as Error).message}`)
    await printWritten(context, what, await direct())
    return 'settled'
  }
  const nudged = () => nudgeAgent(dataDir, Math.max(50, report.timeoutMs / 5))
  if (!awaited && (await nudged())) {
    await printAnswer(context, `${printable(what)} (the agent sends it)`, KEPT)
    return 'kept'
  }
  const outcome = await handOver(context, report, { spool, id })
  if (awaited && outcome === 'kept') await nudged()
  return outcome
}

/** Sends what the spool holds, the new report last. */
async function handOver(
  context: ReportContext,
  { what, timeoutMs }: Report,
  { spool, id }: { spool: Spool; id: string },
): Promise<ReportOutcome> {
  const { address } = context.settings
  const notSent = async (why: string): Promise<ReportOutcome> => {
    context.warn(`warning: '${what}' is kept on this machine and not sent yet: ${why}`)
    context.warn("The agent, the next report or 'holdfast spool forward' sends it.")
    if (context.settings.output === 'json') await printAnswer(context, '', KEPT)
    return 'kept'
  }
  const settled = async ({ revision, ledgerEpoch }: Pick<Written, 'revision' | 'ledgerEpoch'>) => {
    await printWritten(context, what, { revision, ledgerEpoch, duplicate: false })
    return 'settled' as const
  }
  const began = performance.now()
  if (context.broken === undefined) {
    const { forwardLittle } = await import('@holdfast/agent/spool/forward-little')
    const quick = await forwardLittle(spool, context.settings, { timeoutMs })
    if (quick.kind === 'settled') return settled(quick)
    if (quick.kind === 'unreached') return notSent(`no server answers at ${address}`)
    if (quick.kind === 'late') return notSent(`no answer from ${address} in time`)
  }
  const cutOff = new AbortController()
  try {
    const client = await context.client({ onWarning: (_, why) => cutOff.abort(why) })
    const { Forwarder } = await import('@holdfast/agent/spool')
    const { refused, stats } = await new Forwarder({ spool, client }).drain({
      timeoutMs: Math.max(1, timeoutMs - (performance.now() - began)),
      signal: cutOff.signal,
    })
    for (const error of refused) context.warn(`warning: the server refuses for good: ${error.detail}`)
    // Also by another process, such as the agent, that was faster with it.
    if (spool.refused().some((one) => one.id === id)) return 'refused'
    const { revision, ledgerEpoch } = stats ?? {}
    if (revision !== undefined && ledgerEpoch !== undefined) return await settled({ revision, ledgerEpoch })
    await printAnswer(context, `${printable(what)} (sent by another report, or the agent)`, [{}])
    return 'settled'
  } catch (error) {
    const { aborted, reason: why } = cutOff.signal
    if (aborted) {
      return notSent(`no server answers at ${address}${typeof why === 'string' ? `: ${printable(why)}` : ''}`)
    }
    return notSent((await import('./failure.ts')).describeFailure(error, address).what)
  }
}
