import { expect, test } from 'vitest'
import { violationsOf } from './import-arrows.ts'

const lines = (path: string, text: string) =>
  violationsOf(path, text).map(({ line, message }) => `${line}: ${message}`)

test('an import along an arrow passes', () => {
  expect(lines('server/src/api/state.ts', `import { fold } from '../domain/fold.ts'`)).toEqual([])
  expect(
    lines(
      'server/src/domain/fold.ts',
      `import type { Event } from '../../../proto/gen/holdfast/v1/event.ts'`,
    ),
  ).toEqual([])
  expect(lines('server/src/domain/fold.ts', `import { digest } from './digest.ts'`)).toEqual([])
  expect(lines('agent/src/report.ts', `import { Holdfast } from '@holdfast/sdk'`)).toEqual([])
})

test.each([
  ['a static import', `import { Feed } from '../ledger/feed.ts'`],
  ['a type import', `import type { Feed } from '../ledger/feed.ts'`],
  ['an import over several lines', `import {\n  Feed,\n} from '../ledger/feed.ts'`],
  ['a side effect', `import '../ledger/feed.ts'`],
  ['a re-export', `export * from '../ledger/feed.ts'`],
  ['a named re-export', `export { Feed } from '../ledger/feed.ts'`],
  ['a dynamic import', `const feed = await import('../ledger/feed.ts')`],
  ['an import in a template', `const text = \`\${await import("../ledger/feed.ts")}\``],
  ['an import type', `let feed: import('../ledger/feed.ts').Feed`],
])('%s against an arrow is found', (_, text) => {
  expect(lines('server/src/store/machine.ts', text)).toEqual([
    '1: server/store may not import server/ledger (../ledger/feed.ts)',
  ])
})

test('the line is where the import begins', () => {
  const text = `// a comment\n\nconst quote = /['"]/\nimport { Server } from '@grpc/grpc-js'\n`
  expect(lines('server/src/api/state.ts', text)).toEqual(['4: server/api may not import @grpc/grpc-js'])
})

test('a file that holds nothing is found', () => {
  expect(lines('sdk/src/client.ts', '\n')).toEqual(['1: is empty: remove it'])
})

test('comments, strings and templates import nothing', () => {
  const text = [
    `// import { a } from '../ledger/a.ts'`,
    `/* import('../ledger/a.ts') */`,
    `const a = "import { a } from '../ledger/a.ts'"`,
    `const b = \`import { a } from "../ledger/a.ts" \${1} import("../ledger/a.ts")\``,
  ].join('\n')
  expect(lines('server/src/store/machine.ts', text)).toEqual([])
})

test('an exported declaration is no import', () => {
  const text = `export const a = 1\nexport function from() {\n  return 'x'\n}\nexport class B { from = 'y' }`
  expect(lines('server/src/store/machine.ts', text)).toEqual([])
})

test('the domain does no I/O', () => {
  expect(lines('server/src/domain/fold.ts', `import { readFile } from 'node:fs/promises'`)).toEqual([
    '1: server/domain may not import node:fs/promises',
  ])
  expect(lines('server/src/domain/fold.ts', `import { createHash } from 'node:crypto'`)).toEqual([])
})

test('the command line starts the server lazily', () => {
  expect(lines('cli/src/server.ts', `await import('@holdfast/server')`)).toEqual([])
  expect(lines('cli/src/server.ts', `import { serve } from '@holdfast/server'`)).toEqual([
    '1: cli may not import server but with import(…) (@holdfast/server)',
  ])
})

test('the client never reaches into the server', () => {
  expect(lines('sdk/src/retry.ts', `import { x } from '../../server/src/domain/error.ts'`)).toEqual([
    '1: sdk may not import server/domain (../../server/src/domain/error.ts)',
  ])
})

test('a computed import is refused: nobody can check it', () => {
  expect(lines('server/src/store/open.ts', 'await import(path)')).toEqual([
    '1: imports a computed name, which cannot be checked',
  ])
})

test('only config.ts and main.ts of the server touch the process', () => {
  const text = `const home = process.env.HOME\nprocess.exit(1)\nconst { env } = process\nconst start = process.hrtime()`
  expect(violationsOf('server/src/transport/listen.ts', text).map(({ line }) => line)).toEqual([1, 2, 3])
  expect(lines('server/src/main.ts', text)).toEqual([])
  expect(lines('server/src/config.ts', text)).toEqual([])
  expect(lines('cli/src/main.ts', text)).toEqual([])
})
