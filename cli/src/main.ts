import module from 'node:module'
import { join } from 'node:path'
import { leave } from './leave.ts'

// Beside the bundle, not in the shared temporary directory, where another user could put code into it. A
// directory that cannot be written to costs the cache and nothing else. Node 20 has no such cache.
if (import.meta.url.endsWith('.js')) module.enableCompileCache?.(join(import.meta.dirname, 'compile-cache'))

// A pipe whose reader has gone, and a disk that is full, are told to each write; unheard, they would also end the
// process with a stack trace, and with it the agent, or the command under a lock.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const argv = process.argv.slice(2)
const { run } = await import('./run.ts')
// At once: what a hung probe has left behind must not keep a script waiting.
leave(await run(argv, process))
