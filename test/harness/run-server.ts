import { runServer } from '../../server/src/main.ts'

// `holdfast server` without the command line around it: what `spawnServer` runs.
process.exitCode = await runServer(process.argv.slice(2))
