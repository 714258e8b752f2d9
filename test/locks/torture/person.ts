import { setTimeout as pause } from 'node:timers/promises'
import { Holdfast } from '../../../sdk/src/index.ts'
import type { Random } from './random.ts'
import type { Granted } from './told.ts'
import { randomScope } from './wishes.ts'

/** What a person did of whom nobody asked. */
export interface PersonFigures {
  holds: number
  forced: number
}

/** Puts up holds and lifts them, and ends a lock by force now and then: the ways in which people get between programs. */
export async function meddle(
  random: Random,
  options: { address: string; lastGrant: () => Granted | undefined; isOver: () => boolean },
): Promise<PersonFigures> {
  const { address, lastGrant, isOver } = options
  const holdfast = Holdfast.lazy({ address, timeoutMs: 5000 })
  const figures = { holds: 0, forced: 0 }
  const standing: string[] = []
  const lift = async (): Promise<void> => {
    const name = standing.shift()
    if (name === undefined) return
    const lifted = await holdfast.liftHold(name, { reason: 'torture' }).catch(() => undefined)
    if (lifted === undefined) standing.push(name)
  }
  while (!isOver()) {
    await pause(random.between(50, 300))
    const grant = lastGrant()
    if (random.chance(0.2) && grant !== undefined) {
      const claim = { fencingToken: grant.token, reason: 'torture', maxAttempts: 1 }
      await holdfast.forceReleaseLock(grant.lock, claim).then(
        () => figures.forced++,
        () => {},
      )
    } else if (standing.length > 0) await lift()
    else {
      const placed = holdfast.placeHold(randomScope(random), {
        reason: 'torture',
        requestId: `hold-${random.seed()}`,
      })
      await placed.then(
        ({ hold }) => {
          figures.holds++
          standing.push(hold.name)
        },
        () => {},
      )
    }
  }
  // One that was placed without an answer stands on, on a scope of its own: that is a hold's nature.
  await lift()
  holdfast.close()
  return figures
}
