import type { Shipped } from './shipped-daemons.ts'

const NODE = ['node', 'nodejs']
const PYTHON = ['python', 'python2', 'python3', ...[8, 9, 10, 11, 12, 13, 14].map((n) => `python3.${n}`)]

/** Programs of an interpreter come and go as jobs do: they are found once they have run for a minute. */
const program = (id: string, rule: Omit<Shipped, 'id'>): Shipped => ({
  id,
  serviceTemplate: '{name}',
  minAgeSeconds: 60,
  ...rule,
})

// The options before the script, of which some take the next argument.
const NODE_OPTIONS =
  '^\\S+(?: (?:-r|--require|--import|--loader|--experimental-loader|-C|--conditions) \\S+| -[^ep\\s]\\S*)*'
const PYTHON_OPTIONS = '^\\S+(?: (?:-W|-X) \\S+| -[abd-ln-zA-Z]\\S*)*'
const JAVA_OPTIONS =
  '^\\S+(?: (?:-cp|-classpath|--class-path|-p|--module-path|--add-(?:modules|opens|exports|reads)) \\S+| -\\S+)*'
/** The directory that a script of a name that says nothing is named for: not the one of its build or release. */
const PROJECT =
  '(?:\\S*?/)?(?P<name>\\w[\\w.+-]*)/(?:(?:dist|build|out|src|lib|bin|current|releases/[^/ ]+)/)*'

/** The rules that ship for programs of interpreters: the service is the program, not the interpreter. */
export const SHIPPED_PROGRAMS: readonly Shipped[] = [
  {
    id: 'package-runner',
    description: 'npm and the like, which only start others: no service',
    executables: ['node', 'npm', 'npx', 'yarn', 'pnpm', 'corepack'],
    argvPattern: '(^|[ /])(npm|npx|yarn|pnpm|corepack)(\\.c?js)?( |$)',
    priority: 20,
  },
  program('java-jar', {
    description: 'a program in a jar file: named for the file, at the version in its name',
    executables: ['java'],
    argvPattern: ' -jar (?:\\S*/)?(?P<name>[A-Za-z]\\S*?)(?:-(?P<version>\\d[\\w.+-]*))?\\.[jw]ar( |$)',
    versionTemplate: '{version}',
    serviceKind: 'java',
    priority: 1,
  }),
  program('java-class', {
    description: 'a Java program: named for its main class',
    executables: ['java'],
    argvPattern: `${JAVA_OPTIONS} (?:[\\w.]+/)?(?P<name>[A-Za-z_]\\w*(?:\\.\\w+)*)( |$)`,
    serviceKind: 'java',
  }),
  program('node-project', {
    description: 'a Node program whose script is called index, server or the like: named for its directory',
    executables: NODE,
    argvPattern: `${NODE_OPTIONS} ${PROJECT}(?:index|server|app|main|www|start)(?:\\.[cm]?[jt]s)?( |$)`,
    serviceKind: 'node',
    priority: 1,
  }),
  program('node', {
    description: 'a Node program: named for its script',
    executables: NODE,
    argvPattern: `${NODE_OPTIONS} (?:\\S*/)?(?P<name>\\w[\\w.+-]*?)(?:\\.[cm]?[jt]s)?( |$)`,
    serviceKind: 'node',
  }),
  program('python-wsgi', {
    description: 'a Python program under gunicorn, uvicorn or the like: named for its module',
    executables: PYTHON,
    argvPattern:
      '(?:^|[ /.])(?:gunicorn|uvicorn|hypercorn|daphne)\\b.*[ \\[](?P<name>[A-Za-z_]\\w*)(?:\\.\\w+)*:[A-Za-z_]\\w*(?:\\(\\))?(?:[ \\]]|$)',
    serviceKind: 'python',
    priority: 2,
  }),
  program('python-project', {
    description: 'a Python program whose script is called main, app or the like: named for its directory',
    executables: PYTHON,
    argvPattern: `${PYTHON_OPTIONS} ${PROJECT}(?:__main__|main|app|server|run|manage|wsgi)\\.py( |$)`,
    serviceKind: 'python',
    priority: 1,
  }),
  program('python', {
    description: 'a Python program: named for its script or module',
    executables: PYTHON,
    argvPattern: `${PYTHON_OPTIONS} (?:-m )?(?:\\S*/)?(?P<name>\\w[\\w.+-]*?)(?:\\.py)?( |$)`,
    serviceKind: 'python',
  }),
]
