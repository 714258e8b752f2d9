import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Tests start some hundred processes from sources, which take a third of a second each to compile, or to read from here.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compile')

const conditions = ['holdfast-source']

/** What takes long and mostly waits begins first, beside everything else, and not at the end, alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification): number =>
      longest.some((name) => moduleId.endsWith(name)) ? 0 : 1
    return sorted.sort((a, b) => rank(a) - rank(b))
  }
}

const longest = [
  'test/locks/torture.test.ts',
  'test/server/start-and-stop.test.ts',
  'test/sdk/two-servers.test.ts',
  'test/sdk/lock-process.test.ts',
  'test/sdk/lock-loss.test.ts',
  'test/watch/stalled.test.ts',
  'test/agent/daemon.test.ts',
]

export default defineConfig({
  // Workspaces are linked, so Vite resolves them; what it leaves to Node (child processes) has `execArgv`.
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    pool: 'forks',
    execArgv: conditions.map((condition) => `--conditions=${condition}`),
    // Of two processors: a good part of the time of a test is a wait, such as for a lease to run out.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // More than ten times of what any takes: of a machine that is busy otherwise nobody is to hear.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Sources are loaded by Node itself, as users have them: half a second less for each file than through Vite.
    server: { deps: { external: [/\/(server|sdk|agent|cli|bench)\/src\/(?!.*\.test\.ts)/, /\/proto\//] } },
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
