import { connect } from 'node:net'
import { join } from 'node:path'

/** Where an agent listens for what scripts have to say to it. */
export const agentSocketOf = (dataDir: string): string => join(dataDir, 'agent.sock')

/** The line that a script sends when it has appended to the spool. The agent answers nothing. */
export const forwardLine = 'forward\n'

/** Tells an agent on this data directory that there is something to forward. False when there is none. */
export function nudgeAgent(dataDir: string, timeoutMs = 50): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(agentSocketOf(dataDir))
    const settle = (told: boolean) => {
      socket.destroy()
      resolve(told)
    }
    socket.setTimeout(timeoutMs, () => settle(false))
    socket.once('error', () => settle(false))
    socket.once('connect', () => socket.end(forwardLine, () => settle(true)))
  })
}
