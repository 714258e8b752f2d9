import { readFileSync } from 'node:fs'

/** Everything that is wrong with a configuration, at once. The process should exit with 2. */
export class ConfigError extends Error {
  readonly violations: string[]

  constructor(violations: string[]) {
    super(violations.join('\n'))
    this.name = 'ConfigError'
    this.violations = violations
  }
}

/** What is in the file; undefined, with a violation, when it cannot be read. */
export function textOf(name: string, path: string, violations: string[]): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    violations.push(`${name}: cannot read ${path}: ${messageOf(error)}`)
    return undefined
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
