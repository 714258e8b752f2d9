import { type DroppedRecord, dataDirOf, Forwarder, limitsOf, Spool, spoolDirOf } from '@holdfast/agent/spool'
import type { CommandContext } from '../command-context.ts'
import { printAnswer } from '../output/answer.ts'
import { byteSize } from '../output/byte-size.ts'
import { printable } from '../output/terminal-text.ts'

/** `holdfast spool status`. */
export async function spoolStatus(context: CommandContext): Promise<undefined> {
  const spool = openSpool(context)
  const segments = spool.segments().map((segment) => {
    const { events, damagedBytes, tornBytes } = spool.read(segment)
    return { waiting: Math.max(0, events.length - spool.acked(segment)), damaged: damagedBytes + tornBytes }
  })
  const status = {
    directory: spool.directory,
    source: spool.source,
    waiting: segments.reduce((sum, { waiting }) => sum + waiting, 0),
    segments: segments.length,
    damagedBytes: segments.reduce((sum, { damaged }) => sum + damaged, 0),
    setAside: spool.damaged(),
    refused: spool.refused(),
    bytes: spool.bytes,
    limits: limitsOf(context.env),
    dropped: totalOf(spool.dropped()),
  }
  const lines = [
    `directory  ${status.directory}`,
    `source     ${status.source}`,
    `waiting    ${status.waiting}`,
    `size       ${byteSize(status.bytes) || '0 B'} of ${byteSize(status.limits.maxBytes)}`,
    ...(status.dropped === undefined ? [] : [`dropped    ${droppedText(status.dropped)}`]),
    ...(status.damagedBytes > 0 ? [`damaged    ${status.damagedBytes} bytes that are no report`] : []),
    ...status.setAside.map((name) => `set aside  ${name}`),
    ...status.refused.map(({ reason, message }) => `refused    ${reason}: ${message}`),
  ]
  await printAnswer(context, lines.map(printable).join('\n'), [status])
}

/** `holdfast spool forward`. */
export async function spoolForward(context: CommandContext, flags: { timeout?: number }): Promise<undefined> {
  const spool = openSpool(context)
  const forwarder = new Forwarder({ spool, client: context.client(), limits: limitsOf(context.env) })
  const drained = forwarder.drain({ timeoutMs: flags.timeout ?? 30_000 })
  const { settled, refused } = await drained.catch((error: unknown) => {
    forwarder.holdToLimits()
    throw error
  })
  for (const error of refused) context.warn(`the server refuses for good: ${error.detail}`)
  const forwarded = settled - refused.length
  const text = `forwarded ${forwarded}, refused ${refused.length}`
  await printAnswer(context, text, [{ forwarded, refused: refused.length }])
}

/** Everything that was dropped, and when first and last. */
function totalOf(records: readonly DroppedRecord[]) {
  if (records.length === 0) return undefined
  const sum = (count: (record: DroppedRecord) => number) =>
    records.reduce((total, record) => total + count(record), 0)
  return {
    heartbeats: sum(({ heartbeats }) => heartbeats),
    supersededFacts: sum(({ supersededFacts }) => supersededFacts),
    first: records[0]?.time,
    last: records.at(-1)?.time,
  }
}

function droppedText(total: NonNullable<ReturnType<typeof totalOf>>): string {
  return `${total.heartbeats} heartbeats, ${total.supersededFacts} superseded facts, last at ${total.last}`
}

function openSpool({ env }: CommandContext): Spool {
  return new Spool(spoolDirOf(dataDirOf(env)))
}
