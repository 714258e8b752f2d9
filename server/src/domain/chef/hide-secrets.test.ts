import { expect, test } from 'vitest'
import { hideSecrets } from './hide-secrets.ts'

test.each([
  ['password=s3cret', 'password=[hidden]'],
  ["DB_PASSWORD: 's3 cret'", 'DB_PASSWORD: [hidden]'],
  ['{"api_key" => "s3cret", "port" => 80}', '{"api_key" => [hidden], "port" => 80}'],
  ['login --auth-token s3cret -v', 'login --auth-token [hidden] -v'],
  ['https://me:s3cret@example.com/x', 'https://me:[hidden]@example.com/x'],
  ['authorization: Bearer s3cret.s3cret', 'authorization: Bearer [hidden]'],
  ['a\n-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----\nb', 'a\n[hidden]\nb'],
  ['-----BEGIN PRIVATE KEY-----\ns3cret', '[hidden]'],
])('%j is shown as %j', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown)
})

test('what is no secret stays', () => {
  const text = '* file[/etc/passwd] action create: updated\n* service[ntp] action start: up-to-date at 10:20'
  expect(hideSecrets(text)).toBe(text)
})

test.each(['password ', '--password', 'password-', 'pwd="', '-----BEGIN PRIVATE KEY----', '://a:'])(
  'a megabyte of %j is gone over once',
  (part) => {
    expect(hideSecrets(part.repeat(1_000_000 / part.length)).length).toBeGreaterThan(0)
  },
)
