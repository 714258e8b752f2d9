import { expect, test } from 'vitest'
import { hideSecrets } from './hide-secrets.ts'

test.each([
  ['password=s3cret', 'password=[hidden]'],
  ["DB_PASSWORD: 's3 cret'", 'DB_PASSWORD: [hidden]'],
  ['{"api_key" => "s3cret", "port" => 80}', '{"api_key" => [hidden], "port" => 80}'],
  ['login --auth-token s3cret -v', 'login --auth-token [hidden] -v'],
  ['https://me:s3cret@example.com/x', 'https://me:[hidden]@example.com/x'],
  [`https://me:${'s3cret'.repeat(100)}@example.com/x`, 'https://me:[hidden]@example.com/x'],
  ['authorization: Bearer s3cret.s3cret', 'authorization: Bearer [hidden]'],
  ['a\n-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----\nb', 'a\n[hidden]\nb'],
  ['-----BEGIN PRIVATE KEY-----\ns3cret', '[hidden]'],
  ['SECRET_KEY_BASE=s3cret', 'SECRET_KEY_BASE=[hidden]'],
  ['s3cmd --secret_key=s3cret ls', 's3cmd --secret_key=[hidden] ls'],
  ['s3cmd --secret-key s3cret ls', 's3cmd --secret-key [hidden] ls'],
  ['DBPASS2=s3cret', 'DBPASS2=[hidden]'],
  ["'db_password'          => 's3cret'", "'db_password'          => [hidden]"],
  ['{"secrets": ["s3cret", "s3, ]cret"], "ports": [80]}', '{"secrets": [hidden], "ports": [80]}'],
  ["api_tokens = [\n  's3cret',\n  's3cret',\n]\nport = 80", 'api_tokens = [hidden]\nport = 80'],
  ['"{\\"tokens\\": [ \\"s3cret\\" , \\"s3cret\\" ]}"', '"{\\"tokens\\": [hidden]}"'],
  ['tokens: ["s3cret", 1, ["s3cret"], "s]cret"] and more', 'tokens: [hidden] and more'],
  [
    `"secrets": [\n${' '.repeat(80)}"s3cret"\n${' '.repeat(76)}], "port": 80`,
    '"secrets": [hidden], "port": 80',
  ],
  ['secrets: [s3cret, s3cret] port: 80', 'secrets: [hidden] port: 80'],
  ['"credentials": {"user": "app", "key": "s3cret"}, "port": 80', '"credentials": [hidden], "port": 80'],
  ["credentials: {user: app, reason: can't connect} and more", 'credentials: [hidden] and more'],
  ['secrets: [p@ss, s3cret!] and more', 'secrets: [hidden] and more'],
  ['secrets: [my s3cret, s3cret] and more', 'secrets: [hidden] and more'],
  ['"credentials": {}, "port": 80', '"credentials": [hidden], "port": 80'],
  ['credentials => { :key => "s3cret", other: {a: 1} } and more', 'credentials => [hidden] and more'],
  ['tokens: ["s3cret", "s3', 'tokens: [hidden]'],
])('%j is shown as %j', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown)
})

test.each([
  ['  password "s3cret"\n  port 80', '  password [hidden]\n  port 80'],
  ["  password   's3 cret'\n  port 80", '  password   [hidden]\n  port 80'],
  ["password 'it\\'s3cret' # why", 'password [hidden] # why'],
  ['password("s3cret")', 'password([hidden])'],
  ['api_token ( "s3cret" )', 'api_token ( [hidden] )'],
  ['tokens ["s3cret", "s3cret"]\n  port 80', 'tokens [hidden]\n  port 80'],
  ["credentials({'key' => 's3cret'})", 'credentials([hidden])'],
  ['command ["mysql", "--password", "s3cret", "db"]', 'command ["mysql", "--password", [hidden], "db"]'],
])('as Chef prints a property, %j is shown as %j', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown)
})

test.each([
  ['command "x --password=\\"s3cret\\" -v"', 'command "x --password=[hidden] -v"'],
  ['"{\\"password\\":\\"s3cret\\",\\"port\\":80}"', '"{\\"password\\":[hidden],\\"port\\":80}"'],
  ['"password \\"s3\\\\\\"cret\\" do"', '"password [hidden] do"'],
  ['"{\\\\\\"token\\\\\\": \\\\\\"s3cret\\\\\\"}"', '"{\\\\\\"token\\\\\\": [hidden]}"'],
  ['"password=\\"s3cret" and more', '"password=[hidden]" and more'],
  ['password="s3\\"cret\\\\" and more', 'password=[hidden] and more'],
  ['"x --password=s3cret\\" -v"', '"x --password=[hidden] -v"'],
])('quoted as a whole, %j is shown as %j', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown)
})

test.each([
  ['password="s3cret and so', 'password=[hidden]'],
  ["password 's3cret\\", 'password [hidden]'],
  ['{\\"password\\":\\"s3cret', '{\\"password\\":[hidden]'],
])('cut off, %j is shown as %j', (text, shown) => {
  expect(hideSecrets(text)).toBe(shown)
})

test.each([
  '* file[/etc/passwd] action create: updated\n* service[ntp] action start: up-to-date at 10:20',
  '--token-file=/run/token --password_path "/run/p"',
  'tokenizer "fast" --proxy-bypass=localhost --passive yes',
  '-v /run/secrets:/run/secrets -cp /app/token-service.jar:/app/main.jar',
  'the password is asked for, not "given"',
  'the token [of the deploy] is in the vault {of ops}',
])('what is no secret stays: %j', (text) => {
  expect(hideSecrets(text)).toBe(text)
})

test.each([
  'password ',
  '--password',
  'password-',
  'pwd="',
  'pwd "',
  'pwd \\',
  'pwd="\\',
  'pwd=\\"\\',
  'pwd=\\x',
  'pwd(',
  '--pwd",',
  `pwd${' '.repeat(60)}`,
  '\\',
  '\\"',
  '-----BEGIN PRIVATE KEY----',
  '://a:',
  '://a',
  'basic aaaaaaaa',
  'pwd=[',
  'pwd=["',
  'pwd=["a",',
  'pwd={"a":',
  'pwd=[a,',
  '[',
  ']"',
])('a megabyte of %j is gone over once', (part) => {
  const hidden = hideSecrets(part.repeat((1 << 20) / part.length))
  expect(hidden.length).toBeGreaterThan(0)
  for (const start of ['password="', 'password=\\"', 'password=', '--password ', 'a://']) {
    expect(hideSecrets(start + part.repeat((1 << 20) / part.length)).length).toBeGreaterThan(0)
  }
})
