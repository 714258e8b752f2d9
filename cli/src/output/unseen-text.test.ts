import { expect, test } from 'vitest'
import { unseenText } from './unseen-text.ts'

test('when only ports are unknown, what goes still vanishes, and the ports are named', () => {
  const text = unseenText({ what: 'port-owners', ports: [22, 5432] })
  expect(text).toMatch(
    /^which processes have ports 22, 5432: other users' do\. .* a finding vanishes when none/,
  )
  expect(unseenText({ what: 'port-owners', ports: [22] })).toMatch(/^which processes have port 22: /)
  const many = Array.from({ length: 12 }, (_, i) => 1_000 + i)
  expect(unseenText({ what: 'port-owners', ports: many })).toMatch(/1008, 1009 and 2 more: /)
})

test.each(['processes', 'ports', 'overflow'] as const)('without all %s nothing vanishes', (what) => {
  expect(unseenText({ what })).toMatch(/no finding vanishes by this scan/)
})
