// A program that acquires locks through the SDK and works under them, for the torture to stop, kill and cut off. Tells
// all that it is told on its standard output. Ends when its standard input does.
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { LockServiceClient, type VerifyFenceResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type AcquiredLock, Holdfast } from '../../../sdk/src/index.ts'
import { called } from '../../watch/reports.ts'
import { refused } from '../lock-client.ts'
import { Lane } from './lane.ts'
import { Random } from './random.ts'
import { lineOf, type Told } from './told.ts'

export interface ClientSetup {
  address: string
  owner: string
  seed: number
  lanes: number
}

const { address, owner, seed, lanes }: ClientSetup = JSON.parse(process.argv[2]!)
const holdfast = Holdfast.lazy({ address, owner, timeoutMs: 5000 })
const locks = new LockServiceClient(address, credentials.createInsecure())
let isOver = false
process.stdin.resume().once('end', () => {
  isOver = true
})

async function verify({ name: lock, ledgerEpoch, fencingToken }: AcquiredLock): Promise<bigint> {
  const deadline = new Date(Date.now() + 2000)
  const asked = called<VerifyFenceResponse>((done) =>
    locks.verifyFence({ lock, ledgerEpoch, fencingToken }, new Metadata(), { deadline }, done),
  )
  const { revision } = await asked.catch((error: ServiceError) => {
    throw refused(error)
  })
  return revision
}

// A pipe takes it before this returns: nothing that was told is lost when the process is killed.
const tell = (told: Told): void => void process.stdout.write(lineOf(told))

/** After a stop this is late, and so knows of it. */
let standstills = 0
let ticked = performance.now()
const ticking = setInterval(() => {
  const now = performance.now()
  if (now - ticked > 500) standstills++
  ticked = now
}, 20)

const shared = { holdfast, verify, tell, standstills: () => standstills, isOver: () => isOver }
await Promise.all(
  Array.from({ length: lanes }, (_, at) =>
    new Lane({ ...shared, random: new Random(seed + at) }, at === 0 ? 'long' : 'brief').run(),
  ),
)
clearInterval(ticking)
locks.close()
holdfast.close()
