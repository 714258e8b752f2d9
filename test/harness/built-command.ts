import { spawnSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Bundles the command line when the bundle is older than its sources. */
export function buildCommand(): void {
  const cwd = join(import.meta.dirname, '../..')
  const built = statSync(join(cwd, 'cli/dist/main.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const sources = globSync(
    ['cli/build.mjs', '{cli,sdk,agent}/src/**/*.ts', 'proto/gen/**/*.ts', 'runtime/**/*.ts'],
    { cwd },
  )
  if (sources.every((path) => statSync(join(cwd, path)).mtimeMs < built)) return
  const { status, stderr } = spawnSync(process.execPath, ['cli/build.mjs'], { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the command line cannot be built: ${stderr}`)
}
