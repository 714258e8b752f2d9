import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { agentSocketOf, forwardLine, nudgeAgent } from '../spool/index.ts'

export interface AgentSocket {
  close(): Promise<void>
}

/** A script says one short line. */
const MAX_LINE_BYTES = 1_024
const PATIENCE_MS = 5_000

/**
 * Listens where scripts say that they have left something in the spool. Anybody on the machine may: it is only asked
 * to look. Rejects with EADDRINUSE when another agent listens there.
 */
export async function listenForScripts(dataDir: string, onForward: () => void): Promise<AgentSocket> {
  const path = agentSocketOf(dataDir)
  mkdirSync(dataDir, { recursive: true })
  // Either is known at once, but to a busy machine: it is not to take the place of an agent that is at work.
  if (await nudgeAgent(dataDir, 5_000)) {
    const taken = new Error(`an agent is at work on ${dataDir} already; stop it first`)
    throw Object.assign(taken, { code: 'EADDRINUSE' })
  }
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    let text = ''
    socket.setEncoding('utf8').setTimeout(PATIENCE_MS, () => socket.destroy())
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.startsWith(forwardLine)) onForward()
      if (text.length >= forwardLine.length || text.length > MAX_LINE_BYTES) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => open.delete(socket))
  })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o666)
  return {
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}
