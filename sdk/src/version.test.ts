import { expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { sdkVersion } from './version.ts'

test('the version that the server is told is that of the package', () => {
  expect(sdkVersion).toBe(packageJson.version)
})
