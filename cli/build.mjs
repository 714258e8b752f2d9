// Bundles the command line with the SDK and grpc-js into dist/. Each command is a chunk of its own, so that
// `holdfast started` loads nothing that listings or the agent need. The server is not bundled.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const outdir = join(here, 'dist')

/** Keeps imports of server/ as imports, from where the bundle is. */
function leaveServerOut(bundler) {
  const server = resolve(here, '../server')
  bundler.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
    const target = resolve(resolveDir, path)
    return target.startsWith(`${server}/`) ? { path: relative(outdir, target), external: true } : undefined
  })
}

rmSync(outdir, { recursive: true, force: true })
await build({
  absWorkingDir: here,
  entryPoints: ['src/main.ts', 'src/quickstart.ts'],
  outdir,
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
  logLevel: 'warning',
})

// Fills the compile cache, so that the first real call is as fast as the next. Nothing listens on port 1.
const args = [join(outdir, 'main.js'), 'started', 'warm-up', '--machine', 'none', '--timeout', '1ms']
spawnSync(process.execPath, args, {
  stdio: 'ignore',
  env: { ...process.env, HOLDFAST_ADDRESS: '127.0.0.1:1' },
})
