import { expect, test } from 'vitest'
import { commandText } from './command-text.ts'

test('a script of several lines is one line', () => {
  expect(commandText(['sh', '-c', 'set -e\n./migrate\t--all\u001b[0m\n'], 120)).toBe(
    'sh -c set -e ./migrate --all [0m',
  )
})

test('passwords are hidden, in arguments and inside of scripts', () => {
  expect(commandText(['psql', '--password', 'two words', 'x'], 120)).toBe('psql --password *** x')
  expect(
    commandText(['sh', '-c', 'cd /srv\nPGPASSWORD=swordfish psql\nmysql --password=swordfish'], 120),
  ).toBe('sh -c cd /srv PGPASSWORD=*** psql mysql --password=***')
})

test('it is cut between characters, never within one', () => {
  expect(commandText(['echo', '🚢'.repeat(100)], 10)).toBe('echo 🚢🚢🚢🚢…')
  expect(commandText(['x'.repeat(10_000)], 60)).toHaveLength(60)
})
