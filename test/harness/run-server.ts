import module from 'node:module'
import { runServer } from '../../server/src/main.ts'

// `holdfast server` without the command line around it: what `spawnServer` runs. It holds the other end of its
// standard input, and when that closes the tests were killed and nobody will end this process.
process.stdin.resume().once('end', () => process.exit(1))

// What it is made of is compiled once for all servers of the tests, also when each ends by kill -9.
module.flushCompileCache()

process.exitCode = await runServer(process.argv.slice(2))
process.stdin.destroy()
