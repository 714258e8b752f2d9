import { isAbsolute } from 'node:path'
import { localMachine } from '@holdfast/agent/machine-identity'
import { reportOnce } from '@holdfast/agent/report-once'
import { dataDirOf, limitsOf, Spool, spoolDirOf } from '@holdfast/agent/spool'
import type { CommandContext } from '../command-context.ts'
import { describeFailure } from '../failure.ts'
import { printAnswer } from '../output/answer.ts'
import { printable } from '../output/terminal-text.ts'
import { unseenText } from '../output/unseen-text.ts'
import { UsageError } from '../usage-error.ts'

export interface AgentFlags {
  machine?: string
  heartbeat?: number
  scan?: number
  cloud?: boolean
  allowProbes?: string[]
}

/** `holdfast agent`: runs until a signal. */
export async function agent(context: CommandContext, flags: AgentFlags): Promise<undefined> {
  for (const name of ['heartbeat', 'scan'] as const) {
    if ((flags[name] ?? 1_000) < 1_000) throw new UsageError(`--${name} is at least 1s`)
  }
  const { Agent } = await import('@holdfast/agent/daemon')
  const { id } = localMachine(flags.machine ?? context.settings.machine)
  const ended = new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, resolve)
  })
  await using running = new Agent({
    client: context.client({ source: `agent/${id}` }),
    dataDir: dataDirOf(context.env),
    id,
    heartbeatMs: flags.heartbeat,
    scanMs: flags.scan,
    cloud: flags.cloud,
    limits: limitsOf(context.env),
    allowedProbes: probesOf(flags),
    onTrouble: (message) => context.warn(printable(message)),
  })
  await running.start()
  await context.print(`reporting ${running.id} to ${context.settings.address}\n`)
  await ended
}

/** `holdfast agent --once`. */
export async function agentOnce(
  context: CommandContext,
  flags: Pick<AgentFlags, 'machine' | 'allowProbes'>,
): Promise<undefined> {
  const { id } = localMachine(flags.machine ?? context.settings.machine)
  let kept = false
  const report = await reportOnce(context.client({ source: `agent/${id}` }), {
    id,
    allowedProbes: probesOf(flags),
    onTrouble: (message) => context.warn(printable(message)),
    keep: (seen) => {
      new Spool(spoolDirOf(dataDirOf(context.env))).appendAll(seen)
      kept = true
    },
  }).catch((error: unknown) => {
    if (!kept) throw error
    const { what } = describeFailure(error, context.settings.address)
    context.warn(`warning: what was seen of ${id} is kept on this machine and not sent yet: ${what}`)
    context.warn("The agent, the next report or 'holdfast spool forward' sends it.")
  })
  if (report === undefined) return
  for (const { probe, reason } of report.failures)
    context.warn(`not seen: ${printable(probe)} (${printable(reason)})`)
  for (const unseen of report.unseen) context.warn(`not seen: ${unseenText(unseen)}`)
  const what = `${report.facets.join(', ')} and ${report.processes} processes`
  const text = `reported ${report.id}: ${what} (revision ${report.revision})`
  await printAnswer(context, text, [{ ...report, revision: String(report.revision) }])
}

function probesOf({ allowProbes = [] }: Pick<AgentFlags, 'allowProbes'>): string[] {
  const relative = allowProbes.find((directory) => !isAbsolute(directory))
  if (relative === undefined) return allowProbes
  throw new UsageError(`--allow-probes is ${JSON.stringify(relative)}; it must be an absolute path`)
}
