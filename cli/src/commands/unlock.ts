import { revision } from '@holdfast/sdk'
import { Lock, Lock_State } from '@holdfast/sdk/messages'
import type { CommandContext } from '../command-context.ts'
import { printChanged } from '../output/changed-line.ts'
import { lockEnd, lockOwner, lockScopes } from '../output/lock-words.ts'
import { shortName } from '../output/short-name.ts'

/**
 * `holdfast unlock`: ends somebody else's lock, or asks its holder to let go. The lock that was read is ended, not
 * the one that came after it.
 */
export async function unlock(
  context: CommandContext,
  id: string,
  { reason, ask }: { reason: string; ask?: boolean },
): Promise<undefined> {
  const holdfast = context.client()
  const seen = await holdfast.getLock(id)
  const what = `lock ${shortName(seen.name)} on ${lockScopes(seen)}, of ${lockOwner(seen)}`
  if (seen.state === Lock_State.ENDED) {
    const ended = `${what}, was over: ${lockEnd(seen, new Date())}`
    await printChanged(context, ended, Lock.toJSON(seen), revision(seen.revision))
    return
  }
  const { fencingToken } = seen
  const { lock, revision: at } =
    ask === true
      ? await holdfast.requestRelease(id, { reason })
      : await holdfast.forceReleaseLock(id, { fencingToken, reason })
  const done = ask === true ? `${what}: the holder is asked to let go` : `${what}, is ended`
  await printChanged(context, done, Lock.toJSON(lock), at)
}
