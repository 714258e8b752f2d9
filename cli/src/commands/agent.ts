import { localMachine } from '@holdfast/agent/machine-identity'
import { reportOnce } from '@holdfast/agent/report-once'
import type { CommandContext } from '../command-context.ts'
import { printable } from '../output/terminal-text.ts'

/** `holdfast agent --once`. */
export async function agentOnce(context: CommandContext, flags: { machine?: string }): Promise<undefined> {
  const { id } = localMachine(flags.machine ?? context.settings.machine)
  const report = await reportOnce(context.client({ source: `agent/${id}` }), { id })
  for (const { probe, reason } of report.failures)
    context.warn(`not seen: ${printable(probe)} (${printable(reason)})`)
  if (!report.processesComplete) context.warn('not all processes and their ports could be seen by this user')
  if (context.settings.output === 'json') {
    const { revision, ...rest } = report
    await context.print(`${JSON.stringify([{ ...rest, revision: String(revision) }], undefined, 2)}\n`)
    return
  }
  const what = `${report.facets.join(', ')} and ${report.processes} processes`
  await context.print(`reported ${report.id}: ${what} (revision ${report.revision})\n`)
}
