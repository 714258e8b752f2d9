// The thread that beats leases: a program whose event loop is busy keeps its locks. An entry of its own, which
// `heartbeats.ts` starts by its name.
import { parentPort, workerData } from 'node:worker_threads'
import { Connection } from '../connection.ts'
import { TokenSource } from '../token-source.ts'
import { Beater } from './beater.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './heartbeats.ts'

const port = parentPort
if (port === null) throw new Error('heartbeat-worker runs as a worker of the SDK only')
const setup: WorkerSetup = workerData
let answer: ((message: { token?: string | undefined; error?: string }) => void) | undefined

function tell(message: FromWorker): void {
  port?.postMessage(message)
}

/** Functions do not cross threads, so the token function is called where it is. */
function askForToken(): Promise<string> {
  return new Promise((resolve, reject) => {
    answer = ({ token, error }) => (token === undefined ? reject(new Error(error)) : resolve(token))
    tell({ type: 'token' })
  })
}

const tokens = new TokenSource(setup.renewable ? askForToken : undefined)
const beater = new Beater(() => new Connection({ ...setup.channel, ownSocket: true }, tokens), {
  beaten: (lease) => tell({ type: 'beaten', lease }),
  dead: (lease, end) => tell({ type: 'dead', lease, end }),
  cut: (text, delayMs) => tell({ type: 'cut', text, delayMs }),
})

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'add':
      tokens.adopt(message.token)
      beater.add(message.lease)
      break
    case 'remove':
      beater.remove(message.name)
      break
    case 'token':
      answer?.(message)
      break
  }
})
