import { expect, test } from 'vitest'
import { hidesOthers } from './observe-processes.ts'

test.each([
  ['22 27 0:21 / /proc rw,relatime - proc proc rw', false],
  ['22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=2', true],
  ['22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible', true],
  ['22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=off', false],
])('%s hides others: %s', (mountInfo, hidden) => {
  expect(hidesOthers(mountInfo)).toBe(hidden)
})
