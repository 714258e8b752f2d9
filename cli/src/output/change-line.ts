import { type Revision, scopeText, type WatchedChange, type WatchedResource } from '@holdfast/sdk'
import {
  Finding_State,
  Hold_State,
  Lock_EndCause,
  Lock_State,
  Machine_Lifecycle,
} from '@holdfast/sdk/messages'
import { byteSize } from './byte-size.ts'
import { enumWord } from './enum-word.ts'
import { localTimeOfDay } from './relative-time.ts'
import { runStateWord } from './run-words.ts'
import { shortName } from './short-name.ts'
import { stateWord } from './state-word.ts'
import { type Paint, printable, type Tone } from './terminal-text.ts'

/**
 * A change on one line: `12:00:01  r42  instance  worker-0~offline-tasks  RUNNING 1.2.3`. A resource of the
 * snapshot has no time of its own, and a `-` there.
 */
export function changeLine(
  { type, resource }: WatchedChange,
  revision: Revision,
  time: Date | undefined,
  paint: Paint,
): string {
  const { text, tone } = type === 'removed' ? { text: 'REMOVED', tone: 'bad' as const } : summary(resource)
  const parts = [
    paint(time === undefined ? '-' : localTimeOfDay(time), 'faint'),
    paint(`r${revision}`, 'faint'),
    resource.$case,
    paint(printable(shortName(resource.value.name)), 'strong'),
    paint(printable(text), tone),
  ]
  return parts.filter((part) => part !== '').join('  ')
}

function summary(resource: WatchedResource): { text: string; tone: Tone } {
  switch (resource.$case) {
    case 'instance': {
      const { state, runningVersion, deployedVersion, exitCode } = resource.value
      const { text, tone } = stateWord(state)
      const code = exitCode === undefined || text !== 'stopped' ? '' : `exit code ${exitCode}`
      const deployed =
        deployedVersion === runningVersion || deployedVersion === '' ? '' : `deployed ${deployedVersion}`
      return { text: words(text.toUpperCase(), runningVersion, code, deployed), tone }
    }
    case 'machine': {
      const { lifecycle, retireReason, hardware, identityConflicts } = resource.value
      if (lifecycle === Machine_Lifecycle.RETIRED) {
        return { text: words('RETIRED', retireReason && `(${retireReason})`), tone: 'warning' }
      }
      const cpus = hardware?.cpuLogicalCount ? `${hardware.cpuLogicalCount} CPUs` : ''
      const conflict = identityConflicts.length > 0 ? 'IDENTITY CONFLICT' : ''
      const text = words('ACTIVE', cpus, byteSize(hardware?.memoryBytes ?? 0n), conflict)
      return { text, tone: conflict === '' ? 'plain' : 'bad' }
    }
    case 'facet': {
      const count = Object.keys(resource.value.attributes ?? {}).length
      return { text: `${count} ${count === 1 ? 'attribute' : 'attributes'}`, tone: 'plain' }
    }
    case 'service': {
      const declared = resource.value.declaredVersions.map(
        ({ environment, version }) => `${environment} ${version}`,
      )
      return { text: declared.length === 0 ? 'KNOWN' : words('DECLARED', declared.join(', ')), tone: 'plain' }
    }
    case 'rule': {
      const { deleteTime, disabled, serviceTemplate } = resource.value
      const word = deleteTime !== undefined ? 'DELETED' : disabled ? 'DISABLED' : 'ACTIVE'
      return { text: words(word, serviceTemplate), tone: 'plain' }
    }
    case 'finding': {
      const { state, version, rule } = resource.value
      const word = Object.entries(Finding_State).find(([, number]) => number === state)?.[0] ?? ''
      const tone = state === Finding_State.VANISHED ? 'bad' : 'plain'
      return { text: words(word, version, `(${rule})`), tone }
    }
    case 'run': {
      const { service, version, targets } = resource.value
      const { text, tone } = runStateWord(resource.value.state)
      const of =
        targets === undefined || targets.total === 0 ? '' : `${targets.succeeded} of ${targets.total} done`
      return { text: words(text.toUpperCase(), shortName(service), version, of), tone }
    }
    case 'condition':
      return resource.value.revokeTime === undefined
        ? { text: words('SATISFIED', resource.value.reason), tone: 'good' }
        : { text: words('REVOKED', `by ${resource.value.revokedBy}`), tone: 'warning' }
    case 'lock': {
      const { state, scopes, owner, reason, endCause, endedBy, endReason } = resource.value
      const where = scopes.map(scopeText).join(', ')
      if (state === Lock_State.ENDED) {
        const by = endedBy === '' ? '' : `by ${endedBy}`
        return { text: words(enumWord(Lock_EndCause, endCause), where, by, endReason), tone: 'plain' }
      }
      return { text: words(enumWord(Lock_State, state), where, owner, reason), tone: 'good' }
    }
    case 'hold': {
      const { state, scope, author, reason, liftedBy, liftReason } = resource.value
      const where = scope === undefined ? '' : scopeText(scope)
      return state === Hold_State.STANDING
        ? { text: words('STANDING', where, `by ${author}:`, reason), tone: 'warning' }
        : { text: words('LIFTED', where, liftedBy && `by ${liftedBy}`, liftReason), tone: 'good' }
    }
  }
}

function words(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(' ')
}
