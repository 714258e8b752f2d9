import { Command, type OutputConfiguration } from 'commander'
import { addGlobalFlags } from './define-command.ts'

/** A command line without commands. Positional options, so that `--version` can mean the program's and a service's. */
export function newProgram(output: OutputConfiguration): Command {
  const program = new Command('holdfast')
  program
    .usage('COMMAND [OPTIONS]')
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("See 'holdfast --help'.")
    .helpOption('-h, --help', 'this help')
    .configureOutput({
      ...output,
      outputError: (text, write) => write(text.replace(/^error: /, 'holdfast: ')),
    })
  addGlobalFlags(program)
  return program
}
