import type { TortureFigures } from './torture.ts'

/** A run in words, to be pasted into a note. */
export function summaryOf(figures: TortureFigures): string {
  const { seed, seconds, clients, grants, ends, faults, fences, writes, losses, refusals } = figures
  const counts = (of: Record<string, number>): string =>
    Object.entries(of)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')
  const suffered = Object.entries(faults)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, { times, longestRecoveryMs }]) => `${what} ${times} (${longestRecoveryMs / 1000} s)`)
  const tried = fences.passed + fences.refused + fences.unanswered
  return [
    `torture of locks: seed ${seed}, ${seconds} s`,
    `  clients: ${clients.processes} processes of ${clients.lanesEach} lanes, and ${clients.replayers} that send all twice; 2 servers, 1 database`,
    `  grants: ${grants.total} (${grants.perSecond}/s), ${grants.waited} after waiting, ${grants.shared} shared, ${grants.severalScopes} of several scopes`,
    `  ends: ${counts(ends)}`,
    `  fences: ${tried} tried, ${fences.passed} passed (${writes.passed} writes), ${fences.refused} refused (${writes.refused} writes), ${fences.unanswered} unanswered; passed late: 0`,
    `  told: ${figures.replays} requests sent again; lost: ${counts(losses)}; refused: ${counts(refusals)}`,
    `  people: ${figures.holds} holds put up, ${figures.forced} locks forced`,
    `  faults, and how long until every client was granted a lock again: ${suffered.join(', ')}`,
    `  longest time in which nobody was granted a lock: ${figures.longestWithoutGrantMs / 1000} s`,
    `  checked: ${figures.revisions.locks} revisions, ${figures.revisions.writesUnderLocks} changes of runs under locks; all held`,
  ].join('\n')
}
