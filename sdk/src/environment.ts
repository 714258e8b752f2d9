import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { firstToken } from './token-file.ts'

/** What options default to. Read when a client is made, not when the package is loaded. */
export interface Environment {
  address: string
  token: string | (() => string) | undefined
  machine: string
}

/**
 * The defaults of this process: `HOLDFAST_ADDRESS`, `HOLDFAST_TOKEN`, `HOLDFAST_TOKEN_FILE` and the host's
 * name. A token file is read when a token is needed and again when the server refuses it, so a new token may
 * be put there under a running process.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const file = env.HOLDFAST_TOKEN_FILE
  const fromFile = file ? () => tokenIn(readFileSync(file, 'utf8'), file) : undefined
  return {
    address: env.HOLDFAST_ADDRESS || '127.0.0.1:7420',
    token: env.HOLDFAST_TOKEN || fromFile,
    machine: hostname(),
  }
}

function tokenIn(text: string, file: string): string {
  const token = firstToken(text)
  if (token === undefined) throw new Error(`${file} holds no token`)
  return token
}
