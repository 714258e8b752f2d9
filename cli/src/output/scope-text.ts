import type { Scope } from '@holdfast/sdk/messages'

/** A scope as it is written on a command line: `production/airship`, or `name:db-migration`. */
export function scopeText({ environment, service, machine, name }: Scope): string {
  if (name !== '') return `name:${name}`
  return `${environment || '*'}/${service || '*'}/${machine || '*'}`.replace(/(\/\*)+$/, '')
}
