import { expect, test } from 'vitest'
import { shortName } from './short-name.ts'

test.each([
  ['machines/web-0', 'web-0'],
  ['instances/web-0~airship~blue', 'web-0~airship~blue'],
  ['machines/web-0/facets/os', 'web-0/os'],
  ['conditions/migration:airship/20110502', 'migration:airship/20110502'],
  ['web-0', 'web-0'],
  ['', ''],
])('%j is shown as %j', (name, shown) => {
  expect(shortName(name)).toBe(shown)
})
