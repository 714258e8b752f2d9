import type { Command } from 'commander'
import { Option } from 'commander'
import type { CommandContext, ReportContext } from './command-context.ts'
import type { GlobalFlags } from './settings.ts'

/** What a command does, given what it has to work with. Gives its exit code, or that of a command it wraps. */
export type Work = (context: CommandContext) => Promise<number | undefined>

/** Runs a command with what the global flags, the environment and the config file say. */
export type Within = (flags: GlobalFlags, work: Work) => Promise<void>

/** Runs a command whose report must not be lost: it is kept on disk also when the settings are broken. */
export type Reporting = (
  flags: GlobalFlags,
  work: (context: ReportContext) => Promise<number | undefined>,
  lenience: Lenience,
) => Promise<void>

/** What a report that cannot be made is to its caller. */
export interface Lenience {
  /** What is not recorded when it fails, such as `airship started`. */
  unrecorded: string
  /** Whether failing is for the command to do, or would fail a start or stop script. */
  fails: boolean
}

/** A command under definition. */
export interface CommandText {
  /** Its name and arguments, as commander declares them. */
  declaration: string
  /** What it does, in a few words. */
  summary: string
  /** Anything more to say of it. */
  more?: string
  examples: readonly string[]
}

/** Adds a command. Its code is loaded when it runs. */
export function defineCommand(program: Command, text: CommandText): Command {
  const command = program.command(text.declaration).summary(text.summary)
  command.description(text.more === undefined ? `${text.summary}.` : `${text.summary}. ${text.more}`)
  command.addHelpText('before', `Examples:\n${text.examples.map((line) => `  ${line}\n`).join('')}`)
  return command
}

/** The flags that every command takes, before its name or after. */
export function addGlobalFlags(command: Command): void {
  const flags = [
    new Option('-o, --output <format>', 'table or json'),
    new Option('--address <host:port>', 'where the server is (127.0.0.1:7420)'),
    new Option('--token-file <file>', 'the file that holds the token'),
    new Option('--tls', 'speak TLS; the default unless the server is on this machine'),
    new Option('--no-tls', 'do not speak TLS'),
    new Option('--tls-ca <file>', 'PEM of the authority that signed the server'),
  ]
  for (const flag of flags) command.addOption(flag.helpGroup('Global options:'))
}

/** The global flags of a command line: those after the command's name win over those before it. */
export function globalFlags(command: Command): GlobalFlags {
  const before = command.parent === null ? {} : globalFlags(command.parent)
  return { ...before, ...command.opts<GlobalFlags>() }
}
