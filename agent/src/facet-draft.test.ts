import { describe, expect, test } from 'vitest'
import { FacetDraft } from './facet-draft.ts'

describe('FacetDraft', () => {
  test('gathers the attributes of all probes, by name, without empty ones', async () => {
    const draft = new FacetDraft('hardware')
    await draft.probe('b', async () => ({ b: 2, none: undefined, blank: '' }))
    await draft.probe('a', async () => ({ a: 'x' }))
    const facet = draft.finish()
    expect(facet).toEqual({ facet: 'hardware', attributes: { a: 'x', b: 2 }, complete: true, failures: [] })
    expect(Object.keys(facet.attributes)).toEqual(['a', 'b'])
  })

  test('a probe that fails costs its own attributes and the completeness', async () => {
    const draft = new FacetDraft('os')
    await draft.probe('broken', async () => {
      throw new Error('no such tool')
    })
    await draft.probe('works', async () => ({ a: 1 }))
    expect(draft.finish()).toEqual({
      facet: 'os',
      attributes: { a: 1 },
      complete: false,
      failures: [{ probe: 'broken', reason: 'no such tool' }],
    })
  })

  test('a probe that hangs is given up', async () => {
    const draft = new FacetDraft('os')
    await draft.probe('hangs', () => new Promise(() => {}), 10)
    expect(draft.finish()).toMatchObject({
      complete: false,
      failures: [{ probe: 'hangs', reason: 'no answer within 10 ms' }],
    })
  })
})
