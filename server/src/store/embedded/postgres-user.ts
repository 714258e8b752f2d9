import { execFile } from 'node:child_process'
import { chmod, chown, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { HoldfastError } from '../../domain/error.ts'

const run = promisify(execFile)

/** Who PostgreSQL runs as, where that is not who we are. */
export interface PostgresUser {
  uid: number
  gid: number
}

/**
 * PostgreSQL refuses to run as root. Root runs it as the owner of an existing cluster, else as `postgres`,
 * which is made when there is none. Others run it as themselves: undefined.
 */
export async function postgresUser(clusterDir: string): Promise<PostgresUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(clusterDir).catch(() => undefined)
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  return (await findUser()) ?? (await makeUser())
}

async function findUser(): Promise<PostgresUser | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const line = passwd.split('\n').find((entry) => entry.startsWith('postgres:'))
  if (line !== undefined) {
    const [, , uid, gid] = line.split(':')
    return { uid: Number(uid), gid: Number(gid) }
  }
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return undefined
  }
}

async function makeUser(): Promise<PostgresUser> {
  try {
    await run('groupadd', ['--system', 'postgres']).catch(() => {})
    await run('useradd', [
      '--system',
      '--gid',
      'postgres',
      '--no-create-home',
      '--shell',
      '/bin/false',
      'postgres',
    ])
  } catch (error) {
    throw new HoldfastError(
      'STORE_UNAVAILABLE',
      'PostgreSQL does not run as root, and no user "postgres" could be made for it: run Holdfast as another user, ' +
        'make that user, or set DATABASE_URL',
      { cause: error },
    )
  }
  const made = await findUser()
  if (made !== undefined) return made
  throw new HoldfastError('STORE_UNAVAILABLE', 'the user "postgres" was made and cannot be found')
}

/** Lets the user pass through a directory that is ours, without letting anybody else in. */
export async function letThrough(directory: string, user: PostgresUser): Promise<void> {
  const { mode, uid, gid } = await stat(directory)
  if (mayEnter({ mode, uid, gid }, user) || uid !== process.getuid?.()) return
  await chown(directory, uid, user.gid)
  await chmod(directory, (mode & 0o7777) | 0o010)
}

/** The first directory on the way to the path, itself included, that the user may not pass; undefined if none. */
export async function barrier(path: string, user: PostgresUser): Promise<string | undefined> {
  const ancestors = [path]
  while (dirname(ancestors[0]!) !== ancestors[0]) ancestors.unshift(dirname(ancestors[0]!))
  for (const ancestor of ancestors) if (!mayEnter(await stat(ancestor), user)) return ancestor
  return undefined
}

/** Whether the execute bit is there for the user. */
function mayEnter(entry: { mode: number; uid: number; gid: number }, user: PostgresUser): boolean {
  if (entry.uid === user.uid) return (entry.mode & 0o100) !== 0
  if (entry.gid === user.gid) return (entry.mode & 0o010) !== 0
  return (entry.mode & 0o001) !== 0
}
