import { basename } from 'node:path'
import { hideSecrets as hideIn, isSecretName } from '../../runtime/hide-secrets.ts'

const HIDDEN = '***'
const FLAG = /^--?[a-z][\w.-]*$/i
/** An argument that is one assignment as a whole, whatever its value holds. */
const ASSIGNMENT = /^[^=\s]{0,128}?([\w.-]{1,128})=(?=.)/s

/** Programs that take a password by a short option: with its value behind it, or as the next argument. */
const SHORT_OPTIONS: { program: RegExp; joined: RegExp; next?: RegExp }[] = [
  { program: /^(?:mysql|mariadb)(?:-?(?:dump|admin|import|show|check|slap|binlog))?$/, joined: /^-p(?=.)/ },
  { program: /^sshpass$/, joined: /^-p(?=.)/, next: /^-p$/ },
  { program: /^redis-cli$/, joined: /^-a(?=.)/, next: /^-a$/ },
  {
    program: /^curl$/,
    joined: /^(?:-[uU]|--(?:proxy-)?user=)(?=.)/,
    next: /^(?:-[a-zA-Z]{0,16}[uU]|--(?:proxy-)?user)$/,
  },
]

/**
 * Hides what looks like a secret in a command's arguments: the value of `--password VALUE`,
 * `--api-key=VALUE`, `DB_PASSWORD=VALUE`, the password in a URL, and likewise within what is one argument, such as a
 * script; and where such a program is the command itself, `mysql -pVALUE`. Everybody who may read Holdfast may read
 * command lines, which on the machine itself often are for few.
 */
export function hideSecrets(args: readonly string[]): string[] {
  const program = basename(args[0] ?? '')
  const short = SHORT_OPTIONS.find((known) => known.program.test(program))
  let next = false
  return args.map((arg) => {
    const follows = next
    next = (FLAG.test(arg) && isSecretName(arg)) || short?.next?.test(arg) === true
    if (follows && !arg.startsWith('-')) return HIDDEN
    const joined = short?.joined.exec(arg)
    if (joined) return joined[0] + HIDDEN
    const assignment = ASSIGNMENT.exec(arg)
    if (assignment !== null && isSecretName(assignment[1]!)) return hideIn(assignment[0], HIDDEN) + HIDDEN
    return hideIn(arg, HIDDEN)
  })
}
