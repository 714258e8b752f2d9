import type { Holdfast } from '@holdfast/sdk'
import type { Paint } from './output/terminal-text.ts'
import type { Settings } from './settings.ts'

/** What a command has to work with. */
export interface CommandContext {
  settings: Settings
  /** Opens a client; it is closed when the command ends. Does not dial. */
  client(options?: ClientOptions): Holdfast
  /** Writes to stdout, and waits until it was taken. */
  print(text: string | Uint8Array): Promise<void>
  /** Writes a line to stderr. */
  warn(line: string): void
  paint: Paint
  env: NodeJS.ProcessEnv
}

export interface ClientOptions {
  /** Who reports. @defaultValue `cli/` and this host's name */
  source?: string
  /** What the client calls itself, for whoever is blocked by its locks. */
  owner?: string
  /** Hears when a watch was cut off and is opened again. */
  onWarning?: (message: string) => void
}
