import type { Command, OutputConfiguration } from 'commander'
import { addGlobalFlags, type Reporting } from './define-command.ts'
import { defineScriptReports } from './define-reports.ts'
import { newProgram } from './new-program.ts'

/** Whether a command line begins with a command of start and stop scripts. */
export const isScriptReport = (argv: readonly string[]): boolean =>
  argv[0] === 'started' || argv[0] === 'stopped'

/** What start and stop scripts call, and nothing else: to load and define the rest takes as long as the report. */
export function buildScriptProgram(reporting: Reporting, output: OutputConfiguration): Command {
  const program = newProgram(output)
  defineScriptReports(program, reporting)
  for (const command of program.commands) addGlobalFlags(command)
  return program
}
