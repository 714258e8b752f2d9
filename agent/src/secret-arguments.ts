import { basename } from 'node:path'
import { hideSecrets as hideIn, isSecretName } from '../../runtime/hide-secrets.ts'

const HIDDEN = '***'
const FLAG = /^--?[a-z][\w.-]*$/i
/** An argument that is one assignment as a whole, whatever its value holds. */
const ASSIGNMENT = /^[^=\s]{0,128}?([\w.-]{1,128})=(?=.)/s

/** Programs that take a password by an option of one letter; `next` where its value may be the next argument. */
const SHORT_OPTIONS: { program: RegExp; option: string; next: boolean }[] = [
  { program: /^(?:mysql|mariadb)/, option: '-p', next: false },
  { program: /^sshpass$/, option: '-p', next: true },
  { program: /^redis-cli$/, option: '-a', next: true },
  { program: /^curl$/, option: '-u', next: true },
]

/**
 * Hides what looks like a secret in a command's arguments: the value of `--password VALUE`,
 * `--api-key=VALUE`, `DB_PASSWORD=VALUE`, `mysql -pVALUE`, the password in a URL, and likewise within what is one
 * argument, such as a script. Everybody who may read Holdfast may read command lines, which on the machine itself often
 * are for few.
 */
export function hideSecrets(args: readonly string[]): string[] {
  const program = basename(args[0] ?? '')
  const short = SHORT_OPTIONS.find((known) => known.program.test(program))
  let next = false
  return args.map((arg) => {
    const follows = next
    next = (FLAG.test(arg) && isSecretName(arg)) || (short?.next === true && arg === short.option)
    if (follows && !arg.startsWith('-')) return HIDDEN
    if (short !== undefined && arg !== short.option && arg.startsWith(short.option))
      return short.option + HIDDEN
    const assignment = ASSIGNMENT.exec(arg)
    if (assignment !== null && isSecretName(assignment[1]!)) return hideIn(assignment[0], HIDDEN) + HIDDEN
    return hideIn(arg, HIDDEN)
  })
}
