import type { Holdfast } from '@holdfast/sdk'
import type { Paint } from './output/terminal-text.ts'
import type { Settings } from './settings.ts'

/** What every command has to work with. */
export interface BareContext {
  settings: Settings
  /** Writes to stdout, and waits until it was taken. */
  print(text: string | Uint8Array): Promise<void>
  /** Writes a line to stderr. */
  warn(line: string): void
  paint: Paint
  env: NodeJS.ProcessEnv
}

/** What a command has that calls the server. */
export interface CommandContext extends BareContext {
  /** Opens a client; it is closed when the command ends. Does not dial. */
  client(options?: ClientOptions): Holdfast
}

/** What a report has that is kept first. Loading a client takes 30 ms, which a report that is only kept does not wait for. */
export interface ReportContext extends BareContext {
  /** What is wrong with the settings, so that no server can be called. */
  broken: Error | undefined
  /** As {@link CommandContext.client}. Rejects with what is wrong with the settings. */
  client(options?: ClientOptions): Promise<Holdfast>
}

export interface ClientOptions {
  /** Who reports. @defaultValue `cli/` and this host's name */
  source?: string
  /** What the client calls itself, for whoever is blocked by its locks. */
  owner?: string
  /** Hears when a stream was cut off and is opened again, and why. */
  onWarning?: (message: string, why: string | undefined) => void
}
