import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { FlatWriter } from '../../runtime/flat-writer.ts'
import { event as events } from './event.ts'
import type { OutgoingEvent } from './event-options.ts'
import { writeEvent } from './event-writer.ts'

const written = (event: Event): Buffer => Buffer.from(writeEvent(event, new FlatWriter(16)).finish())
const eventOf = ({ payload }: OutgoingEvent): Event => ({
  id: 'e',
  seq: 0n,
  occurredTime: undefined,
  payload,
})
const generated = (event: Event): Buffer => Buffer.from(Event.encode(event).finish())

describe('an event is written as the generated code writes it', () => {
  // What that code makes of an own property of this name is another matter.
  const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('__proto__'))
  const attributes = fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    json,
  )

  test('with any attributes', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            facet: fc.string(),
            attributes: fc.option(attributes, { nil: undefined }),
            complete: fc.boolean(),
          }),
          { maxLength: 4 },
        ),
        fc.dictionary(fc.string(), fc.string()),
        (facets, labels) => {
          const value = { machine: { id: 'web-0', aliases: [] }, facets, labels }
          const event = Event.fromPartial({ id: 'e', seq: 7n, payload: { $case: 'machineObserved', value } })
          expect(written(event)).toEqual(generated(event))
        },
      ),
    )
  })

  test('with what JSON does not have', () => {
    const facets = {
      odd: { nothing: undefined, list: [undefined, Number.NaN, -0, []], at: new Date(0), empty: {} },
    }
    const event = eventOf(events.observed('web-0', { facets }))
    expect(written(event)).toEqual(generated(event))
  })

  test('of another kind', () => {
    const event = eventOf(events.started('airship', { machine: 'web-0' }))
    expect(written(event)).toEqual(generated(event))
  })

  test('and a value that no attribute can have throws', () => {
    const facets = { odd: { big: 1n } }
    const event = eventOf(events.observed('web-0', { facets }))
    expect(() => written(event)).toThrow('Unsupported any value type: bigint')
  })
})
