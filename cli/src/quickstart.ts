import module from 'node:module'
import { join } from 'node:path'
import { startServerChild } from './server-child.ts'

// `npm start`: a server, this machine in it, and what to try. Flags are those of `holdfast server`.

const bundled = import.meta.url.endsWith('.js')
if (bundled) module.enableCompileCache?.(join(import.meta.dirname, 'compile-cache'))

const command = join(import.meta.dirname, '../bin/holdfast')
const server = startServerChild([command, 'server', ...process.argv.slice(2)], {
  ...process.env,
  HOLDFAST_LOG_LEVEL: process.env.HOLDFAST_LOG_LEVEL ?? 'warn',
})
// Loaded while the server starts.
const welcome = import('./welcome.ts')
const address = await server.ready
if (address !== undefined) {
  const { welcomeText } = await welcome
  process.stdout.write(await welcomeText(address, process.env))
}
process.exit(await server.ended)
