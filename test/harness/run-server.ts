import { runServer } from '../../server/src/main.ts'

// `holdfast server` without the command line around it: what `spawnServer` runs. It holds the other end of its
// standard input, and when that closes the tests were killed and nobody will end this process.
process.stdin.resume().once('end', () => process.exit(1))

process.exitCode = await runServer(process.argv.slice(2))
process.stdin.destroy()
