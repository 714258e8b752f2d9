// A program that holds a lock, for a benchmark to stop with SIGSTOP and let go on. Says when its signal was aborted, by
// the clock that all processes of the machine share, and ends.
import { Holdfast } from '@holdfast/sdk'

const [address = '', scope = '', ttl = ''] = process.argv.slice(2)
const holdfast = Holdfast.lazy({ address })
const { signal } = await holdfast.acquireLock(scope, { ttlMs: Number(ttl), waitMs: 60_000 })
signal.addEventListener('abort', () => {
  console.log(`aborted ${process.hrtime.bigint()}`)
  holdfast.close()
})
console.log('holds')
