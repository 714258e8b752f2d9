// Bundles the command line with the SDK and grpc-js into dist/. Each command is a chunk of its own, so that
// `holdfast started` loads nothing that listings or the agent need. The server is not bundled.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const dist = join(here, 'dist')
const fresh = join(here, `dist.${process.pid}`)
const old = join(here, `dist.${process.pid}.old`)

/** Keeps imports of server/ as imports, from where the bundle is. */
function leaveServerOut(bundler) {
  const server = resolve(here, '../server')
  bundler.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
    const target = resolve(resolveDir, path)
    return target.startsWith(`${server}/`) ? { path: relative(dist, target), external: true } : undefined
  })
}

await build({
  absWorkingDir: here,
  entryPoints: {
    main: 'src/main.ts',
    quickstart: 'src/quickstart.ts',
    // Started as a thread by its name, from beside the chunk that holds the SDK's locks.
    'heartbeat-worker': '../sdk/src/locks/heartbeat-worker.ts',
  },
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  conditions: ['holdfast-source'],
  plugins: [{ name: 'server-from-source', setup: leaveServerOut }],
  // The bundle holds CommonJS packages that require Node's own modules.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  legalComments: 'none',
  // Less to read at each start. With a limit, since Node prints the whole line of an uncaught error.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  logLevel: 'warning',
})

// Swapped in at once: a `holdfast` that is running has its chunks, old or new.
if (existsSync(dist)) renameSync(dist, old)
renameSync(fresh, dist)
rmSync(old, { recursive: true, force: true })

// Fills the compile cache, so that the first real call is as fast as the next: with what keeps a report, and with what
// sends one. Nothing listens on port 1, and the report is kept in a spool that is thrown away: in the real one it would
// be sent some day.
const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-warm-up-'))
for (const args of [
  ['started', 'warm-up', '--machine', 'none'],
  ['spool', 'forward', '--timeout', '1ms'],
]) {
  spawnSync(process.execPath, [join(dist, 'main.js'), ...args], {
    stdio: 'ignore',
    env: { ...process.env, HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDir },
  })
}
rmSync(dataDir, { recursive: true, force: true })
