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
    ['s3cmd', '--secret_key=abc', '--secret-key', 'abc', 'ls'],
    ['s3cmd', '--secret_key=***', '--secret-key', '***', 'ls'],
  ],
  [
    ['env', 'SECRET_KEY_BASE=abc', 'rails'],
    ['env', 'SECRET_KEY_BASE=***', 'rails'],
  ],
  [
    ['sh', '-c', 'cd /x && PGPASSWORD=abc psql postgres://app:abc@db/app'],
    ['sh', '-c', 'cd /x && PGPASSWORD=*** psql postgres://app:***@db/app'],
  ],
  [
    ['tool', '--password=a b, "c', 'postgres://app:abc@db/app?password=a b'],
    ['tool', '--password=***', 'postgres://app:***@db/app?password=***'],
  ],
  [
    ['java', '-cp', '/app/token-service.jar:/app/main.jar', 'Main', '--tokenizer', 'fast'],
    ['java', '-cp', '/app/token-service.jar:/app/main.jar', 'Main', '--tokenizer', 'fast'],
  ],
  [
    ['/usr/bin/mysqldump', '-uapp', '-phunter2', '-p', 'app', '-P3306'],
    ['/usr/bin/mysqldump', '-uapp', '-p***', '-p', 'app', '-P3306'],
  ],
  [
    ['sshpass', '-p', 'hunter2', 'ssh', '-p', '22'],
    ['sshpass', '-p', '***', 'ssh', '-p', '***'],
  ],
  [
    ['redis-cli', '-a', 'hunter2', 'ping'],
    ['redis-cli', '-a', '***', 'ping'],
  ],
  [
    ['curl', '-s', '-u', 'app:hunter2', 'http://x'],
    ['curl', '-s', '-u', '***', 'http://x'],
  ],
  [
    [
      'curl',
      '-sSu',
      'app:hunter2',
      '--proxy-user',
      'app:hunter2',
      '--user=app:hunter2',
      '-uapp:hunter2',
      'x',
    ],
    ['curl', '-sSu', '***', '--proxy-user', '***', '--user=***', '-u***', 'x'],
  ],
  [
    ['curl', '-X', 'PUT', '-u', '', 'http://x'],
    ['curl', '-X', 'PUT', '-u', '***', 'http://x'],
  ],
  [
    ['java', '-cp', '/x/mysql-connector.jar', 'Main', '-port', '9000', '-u', 'app'],
    ['java', '-cp', '/x/mysql-connector.jar', 'Main', '-port', '9000', '-u', 'app'],
  ],
  [
    ['mysqld', '-port', '3306', '-p3306'],
    ['mysqld', '-port', '3306', '-p3306'],
  ],
  [
    ['keepalived', '-p', '80'],
    ['keepalived', '-p', '80'],
  ],
])('%j is shown as %j', (args, shown) => {
  expect(hideSecrets(args)).toEqual(shown)
})

test.each(['a', 'a-', '--password', 'password=', 'a://', 'a:', '\\"', '" ', '\' "', 'curl -u ', '""'])(
  'a megabyte of %j is gone over once',
  (part) => {
    const [shown] = hideSecrets([part.repeat((1 << 20) / part.length)])
    expect(shown!.length).toBeGreaterThan(0)
  },
)
