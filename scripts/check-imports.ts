/** Fails when a file imports against the arrows of import-arrows.ts; prints each place as file:line. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { violationsOf } from './import-arrows.ts'

const root = join(import.meta.dirname, '..')
const folders = '{proto/gen,runtime,server,sdk,agent,cli,examples}/**/*.ts'
const paths = globSync(folders, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }).sort()
const violations = paths.flatMap((path) => violationsOf(path, readFileSync(join(root, path), 'utf8')))
for (const { path, line, message } of violations) console.error(`${path}:${line}: ${message}`)
console.log(`check-imports: ${paths.length} files, ${violations.length} violations`)
if (violations.length > 0) process.exitCode = 1
