import { mkdir } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { startChild } from '../harness/child.ts'
import { freePort } from '../harness/free-port.ts'
import type { LockSide } from '../harness/lock-side.ts'

const RELEASE =
  "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"

/**
 * The lock that Redis's documentation tells of (SET NX PX, compare and delete), every write on disk before its answer
 * (`appendfsync always`), on one connection. It has no queue: workers have locks of their own.
 */
export async function startRedisLocks(directory: string): Promise<LockSide> {
  const dir = join(directory, 'redis')
  await mkdir(dir, { recursive: true })
  const port = await freePort()
  const flags = { port, bind: '127.0.0.1', dir, appendonly: 'yes', appendfsync: 'always', save: '' }
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])
  const child = await startChild('redis-server', args, { ready: /Ready to accept/ }).catch(
    (cause: unknown) => {
      throw new Error("Redis did not start; on Debian it is in the package 'redis-server'", { cause })
    },
  )
  const redis = new Redis(connect(port, '127.0.0.1'))
  let turn = 0
  return {
    name: 'Redis',
    async prepare() {},
    async acquire(worker, lock) {
      const token = `${worker}-${++turn}`
      const answer = await redis.send('SET', lock, token, 'PX', '10000', 'NX')
      if (answer !== '+OK') throw new Error(`Redis did not grant ${lock}: ${answer}`)
      return () => redis.send('EVAL', RELEASE, '1', lock, token)
    },
    async [Symbol.asyncDispose]() {
      redis.end()
      await child.stop()
    },
  }
}

/** As much of Redis's protocol as the above needs: pipelined commands, answers of one line. */
class Redis {
  readonly #socket: Socket
  readonly #waiting: { resolve: (answer: string) => void; reject: (error: Error) => void }[] = []
  #rest = ''

  constructor(socket: Socket) {
    this.#socket = socket.setNoDelay()
    socket.setEncoding('latin1').on('data', (text: string) => this.#read(text))
    socket.on('error', (error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    })
  }

  send(...words: string[]): Promise<string> {
    const command = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(`*${words.length}\r\n${command}`)
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\r\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      const { resolve, reject } = this.#waiting.shift()!
      if (line.startsWith('-')) reject(new Error(line))
      else resolve(line)
    }
  }
}
