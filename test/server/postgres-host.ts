import { pino } from 'pino'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'

// A process of its own that runs a database, for tests that kill it: prints one line when it is ready.
const [dataDir] = process.argv.slice(2)
const log = pino({ level: 'silent' })
try {
  const { url, pid } = await startEmbeddedPostgres({ dataDir: dataDir!, log })
  console.log(JSON.stringify({ url, pid }))
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message }))
}
