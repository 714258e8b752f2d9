import { type AsOf, type Holdfast, revision, type WatchedChange, type WatchOptions } from '@holdfast/sdk'
import { Change, Change_Type } from '@holdfast/sdk/messages'
import type { PastPoint } from '../as-of.ts'
import type { CommandContext } from '../command-context.ts'
import { changeLine } from '../output/change-line.ts'
import { UsageError } from '../usage-error.ts'

/** What `watch` takes. */
export interface WatchFlags {
  filter?: string
  snapshot?: boolean
  after?: PastPoint
  limit?: number
}

/**
 * `holdfast watch`: a line for each change of a resource, as soon as it is committed. Changes of one revision
 * follow each other. Runs until it is ended, or `limit` changes were printed.
 */
export async function watch(context: CommandContext, flags: WatchFlags): Promise<undefined> {
  const holdfast = context.client({ onWarning: (message) => context.warn(message) })
  const { limit = Number.POSITIVE_INFINITY } = flags
  let count = 0
  for await (const step of holdfast.watchState(await watchOptions(context, holdfast, flags))) {
    const [changes, time]: [WatchedChange[], Date | undefined] =
      step.type === 'change'
        ? [step.changes, step.commitTime]
        : step.type === 'snapshot'
          ? [step.resources.map((resource) => ({ type: 'put', resource })), undefined]
          : [[], undefined]
    const shown = changes.slice(0, limit - count)
    const lines = shown.map((change) =>
      context.settings.output === 'json'
        ? JSON.stringify(changeJson(change, step.revision, time))
        : changeLine(change, step.revision, time, context.paint),
    )
    if (lines.length > 0) await context.print(`${lines.join('\n')}\n`)
    count += shown.length
    if (count >= limit) return
  }
}

async function watchOptions(
  context: CommandContext,
  holdfast: Holdfast,
  { filter, after, snapshot = false }: WatchFlags,
): Promise<WatchOptions> {
  if (snapshot && after !== undefined) {
    throw new UsageError('--snapshot and --after exclude each other: give one of them')
  }
  if (after !== undefined && after.kind !== 'revision') {
    throw new UsageError('--after takes a revision, such as 42')
  }
  // Also proves that the server is there: a watch on its own would try for ever.
  const { ledgerEpoch, headRevision } = await holdfast.getServerInfo()
  if (snapshot) return { filter }
  // From the revision that stands now, and not from whenever the stream opens: what happens after this line is
  // printed will be shown.
  const from = after?.revision ?? headRevision
  context.warn(`watching from revision ${from} on`)
  return { filter, resume: { ledgerEpoch, revision: revision(from), snapshotCursor: '' } }
}

/** The change as proto3 JSON, with its revision and time. */
function changeJson({ type, resource }: WatchedChange, at: AsOf, time: Date | undefined): object {
  const kind = type === 'put' ? Change_Type.PUT : Change_Type.REMOVED
  const json = Change.toJSON({ type: kind, resource: { resource } }) as object
  return { revision: String(at), ...(time && { commitTime: time.toISOString() }), ...json }
}
