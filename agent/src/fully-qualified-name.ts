import { execFile } from 'node:child_process'
import { hostname } from 'node:os'
import { promisify } from 'node:util'

/**
 * The machine's fully qualified name; undefined when it has none. Rejects when the name service does not
 * answer within 2 seconds or `hostname` is not installed.
 */
export async function fullyQualifiedName(): Promise<string | undefined> {
  const own = qualified(hostname())
  if (own !== undefined || process.platform === 'win32') return own
  const { stdout } = await promisify(execFile)('hostname', ['-f'], { timeout: 2_000 })
  return qualified(stdout.trim())
}

/** The name in lower case if it has a domain that means something. */
export function qualified(name: string): string | undefined {
  const value = name.trim().toLowerCase().replace(/\.$/, '')
  if (!/^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)+$/.test(value) || value.length > 253) return undefined
  return value.startsWith('localhost.') ? undefined : value
}
