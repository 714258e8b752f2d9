import { setTimeout as pause } from 'node:timers/promises'
import { Holdfast } from '@holdfast/sdk'

/** Writes a line to a run ten times a second and follows its log over another connection, until it is stopped. */
export async function followLag(address: string): Promise<{ stop(): Promise<number[]> }> {
  const [writer, reader] = [Holdfast.lazy({ address }), Holdfast.lazy({ address })]
  const run = await writer.startRun({ kind: 'task', title: 'followed' })
  const samples: number[] = []
  let stopped = false
  const followed = (async () => {
    let rest = ''
    for await (const { data } of reader.readRunLog(run.name, { follow: true })) {
      const lines = (rest + Buffer.from(data).toString()).split('\n')
      rest = lines.pop()!
      for (const line of lines) samples.push(performance.now() - Number(line))
    }
  })()
  const written = (async () => {
    while (!stopped) {
      await run.log(`${performance.now()}\n`)
      await pause(100)
    }
  })()
  return {
    async stop() {
      stopped = true
      await written
      await run.finish('succeeded')
      await followed
      writer.close()
      reader.close()
      return samples
    },
  }
}
