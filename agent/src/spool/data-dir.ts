import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where this machine's identity and spool are: `HOLDFAST_DATA_DIR`, else where the server has its own. */
export function dataDirOf(env: NodeJS.ProcessEnv): string {
  if (env.HOLDFAST_DATA_DIR) return resolve(env.HOLDFAST_DATA_DIR)
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'holdfast')
  if (process.getuid?.() === 0) return '/var/lib/holdfast'
  return join(env.HOME || homedir(), '.local', 'state', 'holdfast')
}

/** The spool's directory in a data directory. */
export const spoolDirOf = (dataDir: string): string => join(dataDir, 'spool')
