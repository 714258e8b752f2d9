import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { tracked } from '../harness/tracked.ts'
import { until, within } from '../harness/wait.ts'

const scratch = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
let runs = 0
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const root = join(import.meta.dirname, '../..')

/** The command as users run it. */
export const program = join(root, 'cli/bin/holdfast')

/** What a run of the command gave. */
export interface Ran {
  code: number | undefined
  out: string
  err: string
  /** Milliseconds from start to end. */
  tookMs: number
}

/** A `holdfast` that runs. Is ended when disposed of. */
export interface Running extends AsyncDisposable {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Waits until stdout matches, and gives the match. */
  sees(pattern: RegExp): Promise<RegExpExecArray>
  ended: Promise<Ran>
}

/** Starts the command in an environment that holds nothing but what is given. */
export function startHoldfast(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  return startProgram(program, args, env)
}

/** Starts any program, as {@link startHoldfast}. */
export function startProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const began = performance.now()
  const child = spawn(file, args, {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      XDG_CONFIG_HOME: '/nonexistent',
      // One for each run: what one test could not send is not another's.
      HOLDFAST_DATA_DIR: join(scratch, String(runs++)),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const untrack = tracked(child, `${file} ${args.join(' ')}`)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (code) => {
      untrack()
      const tookMs = performance.now() - began
      resolve({ code: code ?? undefined, out: output.stdout, err: output.stderr, tookMs })
    })
  })
  return {
    ...{ child, ended },
    out: () => output.stdout,
    err: () => output.stderr,
    sees: (pattern) =>
      until(
        `${pattern} in the output of ${args.join(' ')}`,
        () => {
          const found = pattern.exec(output.stdout)
          if (found === null && child.exitCode !== null)
            throw new Error(`it ended: ${output.stdout}${output.stderr}`)
          return found ?? undefined
        },
        100_000,
      ),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await within(`the end of ${args.join(' ')}`, ended, 50_000).catch(() => child.kill('SIGKILL'))
    },
  }
}

/**
 * The arguments of a report with a server that may take its time, where how long a report waits is not what is tested:
 * in the quarter of a second that a start script gives it, a busy machine does not answer. A later --timeout wins.
 */
export function patient(args: readonly string[]): string[] {
  const [command = '', ...rest] = args
  return /^(started|stopped|deployed)$/.test(command) ? [command, '--timeout', '20s', ...rest] : [...args]
}

/** As {@link patient}, of a line for a shell. */
export const patientLine = (line: string): string =>
  line.replace(/^holdfast (started|stopped|deployed)\b/, '$& --timeout 20s')

/**
 * What a command that waits a short time for an answer may take, all in all: less than the 10 s of one that waits as calls
 * do else, and ten times of what one takes.
 */
export const SHORT_MS = 8_000

/** Runs the command to its end. */
export async function holdfast(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return within(`holdfast ${args.join(' ')}`, startHoldfast(args, env).ended, 100_000)
}

/** Runs a command that must succeed, and gives what it printed. A report is {@link patient}. */
export async function printed(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, out, err } = await holdfast(patient(args), env)
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')} exited with ${code}: ${err}`)
  return out
}
