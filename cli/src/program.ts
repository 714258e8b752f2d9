import type { Command, OutputConfiguration } from 'commander'
import { defineChanges } from './define-changes.ts'
import { addGlobalFlags, type Reporting, type Within } from './define-command.ts'
import { defineDeploy } from './define-deploy.ts'
import { defineDiscovery } from './define-discovery.ts'
import { defineHolds } from './define-holds.ts'
import { defineImports } from './define-imports.ts'
import { defineListings } from './define-listings.ts'
import { defineLocks } from './define-locks.ts'
import { defineReports } from './define-reports.ts'
import { defineServing, type Serving } from './define-serving.ts'
import { defineSpool } from './define-spool.ts'
import { newProgram } from './new-program.ts'
import { version } from './version.ts'

const EXAMPLES = `Examples:
  holdfast machines                                      what there is
  holdfast started offline-tasks --version 20110502      from a start script
  holdfast deployed airship --version 20110502 --machine web-0
  holdfast versions airship                              declared, deployed and running, side by side
  holdfast instances --as-of 2h --filter 'state = RUNNING'
  holdfast timeline --filter 'machine = web-0'
  holdfast lock production/airship -- ./deploy.sh        nobody else deploys meanwhile
  holdfast watch                                         changes as they happen
`

const AFTERWORD = `
Environment:
  HOLDFAST_ADDRESS, HOLDFAST_TOKEN or HOLDFAST_TOKEN_FILE, HOLDFAST_TLS, HOLDFAST_TLS_CA,
  HOLDFAST_ENVIRONMENT, HOLDFAST_MACHINE, HOLDFAST_OUTPUT; NO_COLOR.
  Flags win over the environment, the environment over $XDG_CONFIG_HOME/holdfast/config.json.

Exit codes:
  0 done, 1 failed, 2 usage, 10 blocked, 11 server unreachable, 12 lock lost
`

/** The ways in which the commands are run. */
export interface Ways {
  within: Within
  reporting: Reporting
  serving: Serving
}

/** The command line. */
export function buildProgram({ within, reporting, serving }: Ways, output: OutputConfiguration): Command {
  const program = newProgram(output)
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', AFTERWORD)
    .version(version, '-V, --version', 'the version of this program')
    .helpCommand('help [command]', 'Show the help of a command')
  defineServing(program, within, serving)
  defineReports(program, within, reporting)
  defineDeploy(program, within)
  defineListings(program, within)
  defineDiscovery(program, within)
  defineLocks(program, within)
  defineHolds(program, within)
  defineChanges(program, within)
  defineSpool(program, within)
  defineImports(program, within)
  // Last, so that a command's help begins with its own.
  for (const command of program.commands) if (command.name() !== 'server') addGlobalFlags(command)
  return program
}
