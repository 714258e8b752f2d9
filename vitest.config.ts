import { defineConfig } from 'vitest/config'

const conditions = ['holdfast-source']

export default defineConfig({
  // Workspaces are linked, so Vite resolves them; what it leaves to Node (child processes) has `execArgv`.
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: 'forks',
    execArgv: conditions.map((condition) => `--conditions=${condition}`),
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/harness/global-setup.ts'],
        },
      },
      {
        extends: true,
        // Pure code: in processes that they share, since to load it takes longer than to test it.
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', 'test/**'],
          isolate: false,
        },
      },
    ],
  },
})
