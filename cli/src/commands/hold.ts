import { type Holdfast, NotFoundError } from '@holdfast/sdk'
import { Hold, Hold_State } from '@holdfast/sdk/messages'
import type { FuturePoint } from '../as-of.ts'
import type { CommandContext } from '../command-context.ts'
import { printChanged } from '../output/changed-line.ts'
import { holdLift, holdScope, holdUntil } from '../output/lock-words.ts'
import { shortName } from '../output/short-name.ts'
import { resolveFuture } from '../past.ts'
import { UsageError } from '../usage-error.ts'

/** What `hold` takes. */
export interface HoldFlags {
  reason: string
  until?: FuturePoint
  untilCondition?: string
  when?: string
  allow?: string[]
}

/** `holdfast hold`. */
export async function hold(context: CommandContext, scope: string, flags: HoldFlags): Promise<undefined> {
  const { reason, untilCondition, when, allow } = flags
  if (flags.until !== undefined && untilCondition !== undefined) {
    throw new UsageError('--until and --until-condition exclude each other: give one of them')
  }
  const holdfast = context.client()
  const untilTime = await resolveFuture(holdfast, flags.until)
  const { hold, revision } = await holdfast.placeHold(scope, {
    ...{ reason, untilTime, untilCondition, when, allows: allow },
  })
  const id = shortName(hold.name)
  const what = `${holdScope(hold)} is on hold until ${holdUntil(hold)}; lift it with 'holdfast lift ${id}'`
  await printChanged(context, what, Hold.toJSON(hold), revision)
}

/** `holdfast lift`: the hold of that id, or the one that stands on exactly that scope. */
export async function lift(
  context: CommandContext,
  target: string,
  { reason }: { reason?: string },
): Promise<undefined> {
  const holdfast = context.client()
  const found = await findHold(holdfast, target)
  const { hold, revision } = await holdfast.liftHold(found.name, { reason })
  const of = `hold ${shortName(hold.name)} on ${holdScope(hold)} (${hold.reason})`
  const what =
    found.state === Hold_State.LIFTED ? `${of} was lifted: ${holdLift(found, new Date())}` : `${of} is lifted`
  await printChanged(context, what, Hold.toJSON(hold), revision)
}

/** An id and an environment can look alike: then the id is meant. */
async function findHold(holdfast: Holdfast, target: string): Promise<Hold> {
  const id = /^(?:holds\/)?[0-9a-z]+$/.test(target)
  if (id) {
    const hold = await holdfast.getHold(target).catch((error: unknown) => {
      if (error instanceof NotFoundError) return undefined
      throw error
    })
    if (hold !== undefined) return hold
  }
  const standing: Hold[] = []
  for await (const hold of holdfast.listHolds({ scope: target, filter: 'state = STANDING' })) {
    if (holdScope(hold) === target.replace(/(\/\*?)+$/, '')) standing.push(hold)
  }
  const [first, ...others] = standing
  if (first === undefined) {
    throw new UsageError(`no hold stands on exactly ${target}: 'holdfast holds --scope ${target}' lists all`)
  }
  if (others.length === 0) return first
  const list = standing.map((hold) => `${shortName(hold.name)} (${hold.reason})`).join(', ')
  throw new UsageError(`several holds stand on ${target}; lift each by its id: ${list}`)
}
