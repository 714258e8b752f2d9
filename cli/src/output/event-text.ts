import {
  DeploymentRecorded_Status,
  type FieldChange,
  type TimelineEntry,
  TimelineEntry_Effect,
} from '@holdfast/sdk/messages'
import { runKindWord, runStateWord } from './run-words.ts'
import { shortName } from './short-name.ts'
import type { Cell } from './table.ts'
import { shortened } from './terminal-text.ts'

/** What happened, in a few words. */
export function eventText(entry: TimelineEntry): Cell {
  const payload = entry.event?.payload
  switch (payload?.$case) {
    case undefined:
      return ''
    case 'machineObserved':
      return words('observed', payload.value.facets.map(({ facet }) => facet).join(', '))
    case 'processesObserved': {
      // Those that matter are in what they changed, and the others are not kept.
      return words('looked at the processes', unseenOf(payload.value))
    }
    case 'instanceStarted':
      return words(payload.value.service, slot(payload.value.slot), 'started', payload.value.version)
    case 'instanceStopped': {
      const { service, exitCode, reason } = payload.value
      const code = exitCode === undefined ? '' : `with exit code ${exitCode}`
      return words(service, slot(payload.value.slot), 'stopped', code, reason && `(${shortened(reason, 60)})`)
    }
    case 'machineHeartbeat':
      return 'still there'
    case 'instanceHeartbeat':
      return words(payload.value.service, slot(payload.value.slot), 'runs', payload.value.version)
    case 'deploymentRecorded': {
      const { service, version, machines, author, message, status } = payload.value
      const to = machines.length === 1 ? '' : `to ${machines.length} machines`
      const by = author === '' ? '' : `by ${author}`
      const text = words(
        service,
        version,
        STATUS[status] ?? 'deployment',
        to,
        by,
        message && `(${shortened(message, 60)})`,
      )
      return { text, tone: status === DeploymentRecorded_Status.FAILED ? 'bad' : 'plain' }
    }
    case 'runStarted': {
      const { kind, service, version, author, title } = payload.value
      return words(runKindWord(kind), service, version, 'began', `by ${author}`, title && `(${title})`)
    }
    case 'runFinished': {
      const { kind, service, version, state, message } = payload.value
      const { text, tone } = runStateWord(state)
      const why = message && `(${shortened(message, 60)})`
      return {
        text: words(runKindWord(kind), service, version, text, why),
        tone: tone === 'bad' ? tone : 'plain',
      }
    }
    case 'runTargetsReported': {
      const { succeeded, failed, skipped, run } = payload.value
      const counts = Object.entries({ succeeded, failed, skipped }).filter(([, count]) => count > 0)
      return words('run', shortName(run), counts.map(([what, count]) => `${count} ${what}`).join(', '))
    }
    case 'conditionSatisfied':
      return words(
        payload.value.condition,
        'became true',
        payload.value.reason && `(${payload.value.reason})`,
      )
    case 'noteRecorded':
      return words('note:', shortened(payload.value.text, 120))
    case 'resourceAmended': {
      const { method, resource, reason } = payload.value
      return words(method, shortName(resource), reason && `(${shortened(reason, 60)})`)
    }
  }
}

/** The most changes that fit on a line. */
const SHOWN_CHANGES = 3

/** What it changed from what to what, or why nothing. */
export function effectOf(entry: TimelineEntry): Cell {
  if (entry.effect === TimelineEntry_Effect.SUPERSEDED) {
    return { text: 'nothing: newer is known', tone: 'faint' }
  }
  const changes = entry.fieldChanges
  const several = new Set(changes.map(({ resource }) => resource)).size > 1
  const shown = changes.slice(0, SHOWN_CHANGES).map((change) => changeText(change, several))
  const more = changes.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}

function changeText({ resource, field, oldValue, newValue }: FieldChange, several: boolean): string {
  const of = several ? `${shortName(resource)} ` : ''
  return `${of}${field} ${value(oldValue)} → ${value(newValue)}`
}

function value(text: string): string {
  return text === '' ? '–' : shortened(text, 40)
}

const STATUS: Partial<Record<number, string>> = {
  [DeploymentRecorded_Status.STARTED]: 'deployment began',
  [DeploymentRecorded_Status.SUCCEEDED]: 'deployed',
  [DeploymentRecorded_Status.FAILED]: 'deployment failed',
}

function slot(name: string): string {
  return name === '' || name === 'main' ? '' : `(${name})`
}

function words(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(' ')
}

function unseenOf({ complete, listComplete }: { complete: boolean; listComplete: boolean }): string {
  if (complete) return ''
  return listComplete ? '(not all ports could be seen)' : '(not all could be seen)'
}
