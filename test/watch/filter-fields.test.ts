import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileWatchFilter } from '../../server/src/domain/filter/watch-filter.ts'
import { decodeBody, KIND_NAMES } from '../../server/src/domain/kind.ts'

/** The fields that watch.proto says can be named. */
const promised = (): string[] => {
  const proto = readFileSync(new URL('../../proto/holdfast/v1/watch.proto', import.meta.url), 'utf8')
  const [comment] = proto.slice(proto.indexOf('message WatchStateRequest')).split('string filter')
  // The kinds stand in brackets after `kind`, and some are called as a field is.
  const fields = comment!.replace(/`kind` \([^)]*\)/, '')
  return [...fields.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
}

/** What a field holds, and a filter that lets it through, where they are not the text `x`. */
const SAMPLE: Record<string, { value: unknown; filter: string }> = {
  name: { value: 'discoveryRules/x', filter: 'name = "*x"' },
  labels: { value: { a: 'x' }, filter: 'labels.a = x' },
  state: { value: 1, filter: 'state:*' },
  lifecycle: { value: 1, filter: 'lifecycle = ACTIVE' },
}

const COVERED = ['environment', 'service', 'machine']
const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

test.each(KIND_NAMES)('every field of watch.proto that a %s has can be named, and is compared', (kind) => {
  const fields = promised()
  expect(fields).not.toContain('kind')
  expect(fields).toEqual(expect.arrayContaining(['name', 'machine', 'service', 'state', 'labels']))
  const empty = decodeBody(kind, Buffer.alloc(kind === 'facet' ? 1 : 0))
  const covers = 'scope' in empty || 'scopes' in empty
  const scope = { environment: 'x', service: 'x', machine: 'x' }
  for (const field of fields) {
    if (!(camelCase(field) in empty || (covers && COVERED.includes(field)))) continue
    const { value, filter } = SAMPLE[field] ?? { value: 'x', filter: `${field} = x` }
    const message = { ...empty, [camelCase(field)]: value, scope, scopes: [scope] }
    const watch = compileWatchFilter(`kind = ${kind} AND ${filter}`)
    expect(watch.kinds, filter).toEqual([kind])
    expect(watch.matches({ resource: { $case: kind, value: message } } as never), filter).toBe(true)
    const unset = { resource: { $case: kind, value: empty } } as never
    expect(watch.matches(unset), filter).toBe(false)
  }
})
