import { expect, test } from 'vitest'
import { hideSecrets } from './secret-arguments.ts'

test.each<[string[], string[]]>([
  [
    ['mysql', '--password=hunter2'],
    ['mysql', '--password=***'],
  ],
  [
    ['tool', '--api-key', 'abc', '--verbose'],
    ['tool', '--api-key', '***', '--verbose'],
  ],
  [
    ['env', 'DB_PASSWORD=hunter2', 'HOME=/root'],
    ['env', 'DB_PASSWORD=***', 'HOME=/root'],
  ],
  [
    ['psql', 'postgres://app:hunter2@db/app'],
    ['psql', 'postgres://app:***@db/app'],
  ],
  [
    ['run', '--token', '--fast'],
    ['run', '--token', '--fast'],
  ],
  [
    ['server', '--token-file=/run/token'],
    ['server', '--token-file=/run/token'],
  ],
  [
    ['keepalived', '-p', '80'],
    ['keepalived', '-p', '80'],
  ],
])('%j is shown as %j', (args, shown) => {
  expect(hideSecrets(args)).toEqual(shown)
})
