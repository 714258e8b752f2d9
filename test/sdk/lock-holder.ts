import { Holdfast } from '../../sdk/src/index.ts'

// A program that holds a lock, for tests to stop, block and cut off. Says, with the clock that all processes of the
// machine share, each time that it took the lock to be held. Ends when its standard input does.
const [address = '', scope = '', ttl = '', blockedMs = '0'] = process.argv.slice(2)
const holdfast = Holdfast.lazy({ address, owner: 'lock-holder' })
const lock = await holdfast.acquireLock(scope, { ttlMs: Number(ttl), reason: 'to be stopped' })
const { signal } = lock

function say(what: string, atNs = process.hrtime.bigint()): void {
  process.stdout.write(`${what} ${atNs} ${lock.fence}\n`)
}

signal.addEventListener('abort', () => say('aborted'))
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4))
/** Blocks the event loop, and leaves the processor to everybody else. */
function block(forMs: number): void {
  say('blocks')
  Atomics.wait(nobodyWakes, 0, 0, forMs)
  // The first thing after the block, before any timer.
  try {
    lock.assertHeld()
    say('survived')
  } catch {
    say('lost')
  }
}

say('acquired')
// In the turn of the grant, before the thread of heartbeats could ask this one for anything.
if (Number(blockedMs) > 0) block(Number(blockedMs))
const timer = setInterval(() => {
  // The time first: a stop between the two must not make an old answer look new.
  const atNs = process.hrtime.bigint()
  if (!signal.aborted) say('held', atNs)
}, 10)

process.stdin.setEncoding('utf8')
for await (const text of process.stdin) {
  block(Number(text))
}
clearInterval(timer)
// And no close(): with no lock left the program ends by itself.
await lock.release()
