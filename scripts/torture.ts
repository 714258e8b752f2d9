/** Runs the torture of locks for as long as asked: `npm run torture -- --minutes 10 [--seed N]`. */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
})
const seconds = Number(values.minutes) * 60
if (!(seconds > 0)) {
  console.error('npm run torture -- [--minutes N] [--seed N]')
  process.exit(2)
}
const { status } = spawnSync('npx', ['vitest', 'run', 'test/locks/torture.test.ts'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    HOLDFAST_TORTURE_SECONDS: String(seconds),
    ...(values.seed !== undefined && { HOLDFAST_TORTURE_SEED: values.seed }),
  },
})
process.exit(status ?? 1)
