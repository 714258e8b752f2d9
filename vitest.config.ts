import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const conditions = ['holdfast-source']
const globalSetup = join(import.meta.dirname, 'test/harness/global-setup.ts')

export default defineConfig({
  // Workspaces are linked, so Vite resolves them; what it leaves to Node (child processes) has `execArgv`.
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    execArgv: conditions.map((condition) => `--conditions=${condition}`),
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    ...(existsSync(globalSetup) && { globalSetup: [globalSetup] }),
  },
})
