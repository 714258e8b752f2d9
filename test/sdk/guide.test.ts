import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

const preamble = `import {
  ConflictError, event, Holdfast, UnavailableError, type WatchPosition,
} from '@holdfast/sdk'
declare const readToken: () => Promise<string>
declare const machines: string[]
declare const token: string
declare const etag: string
declare function deployTo(machine: string, options: { signal: AbortSignal; fence: string }): Promise<void>
declare function makeReport(options: { signal: AbortSignal }): Promise<string>
declare const database: { query(text: string, values: unknown[]): Promise<{ rowCount: number | null }> }
declare function keep(position: WatchPosition): Promise<void>
`

/** The TypeScript blocks of a page, without their imports. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!.replaceAll(/^import .*\n/gm, ''))
}

test('the blocks of the guide, of the README and of docs/locks.md compile', () => {
  const guide = blocksOf('docs/sdk.md')
  const readme = blocksOf('sdk/README.md')
  const locks = blocksOf('docs/locks.md')
  expect([guide.length, readme.length, locks.length]).toEqual([8, 1, 2])
  // Every block but the first uses the client that the first one makes.
  const functions = [
    `export async function connects() {\n${guide[0]}return holdfast\n}`,
    ...[...guide.slice(1), ...locks].map(
      (code, index) => `export async function block${index}(holdfast: Holdfast) {\n${code}}`,
    ),
    `export async function readme() {\n${readme[0]}}`,
  ]
  const folder = mkdtempSync(join(root, 'test/sdk/guide-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'blocks.ts'), preamble + functions.join('\n'))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../../tsconfig.json',
      compilerOptions: { noUnusedLocals: false },
      include: ['blocks.ts'],
    }),
  )
  const { stdout, status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], {
    encoding: 'utf8',
  })
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
