import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from './run.ts'
import { version } from './version.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-run-'))
afterAll(() => rmSync(dataDir, { recursive: true }))

class Captured extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** Runs a command line where no server is and no config file. */
async function holdfast(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const stdout = new Captured()
  const stderr = new Captured()
  const env = {
    HOLDFAST_ADDRESS: '127.0.0.1:1',
    XDG_CONFIG_HOME: '/nonexistent',
    HOLDFAST_DATA_DIR: dataDir,
  }
  const code = await run(argv, { env, stdout, stderr })
  return { code, out: stdout.text, err: stderr.text }
}

const COMMANDS = [
  'agent',
  'started',
  'stopped',
  'deployed',
  'note',
  'machines',
  'services',
  'instances',
  'versions',
  'timeline',
  'watch',
  'sources',
  'info',
  'declare',
  'retire',
  'restore',
  'spool',
  'relay',
]

describe('holdfast', () => {
  test('help opens with examples and tells all commands, variables and exit codes', async () => {
    const { code, out } = await holdfast('--help')
    expect(code).toBe(0)
    expect(out).toMatch(/^Examples:\n {2}holdfast /)
    for (const command of ['server', ...COMMANDS]) expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    expect(out).toContain('HOLDFAST_ADDRESS')
    expect(out).toContain('11 server unreachable')
  })

  test('the help of every command opens with examples of it and tells the global options', async () => {
    const asked: string[] = []
    const ask = async (path: readonly string[]): Promise<void> => {
      const { code, out } = await holdfast(...path, '--help')
      expect(code).toBe(0)
      asked.push(path.join(' '))
      if (path.length > 0) expect(out).toMatch(new RegExp(`^Examples:\\n  .*holdfast ${path.join(' ')}\\b`))
      expect(out).toContain('--token-file')
      const [, commands = ''] = /^Commands:\n((?: {2}.*\n)*)/m.exec(out) ?? []
      for (const [, name] of commands.matchAll(/^ {2}(\S+)/gm)) {
        // The server's help is written past this test's output.
        if (name !== 'help' && name !== 'server') await ask([...path, name!])
      }
    }
    await ask([])
    expect(asked).toEqual(
      expect.arrayContaining([...COMMANDS, 'spool export', 'import chef', 'relay status']),
    )
  })

  test('the version is that of the package', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    expect(version).toBe(manifest.version)
    expect(await holdfast('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })

  test.each<[string, string[], RegExp]>([
    ['no command', [], /Usage: holdfast/],
    ['an unknown command', ['machnies'], /unknown command 'machnies'[\s\S]*Did you mean machines/],
    ['an unknown option', ['machines', '--bogus'], /unknown option '--bogus'/],
    ['a missing argument', ['started'], /missing required argument 'service'/],
    ['a missing option', ['deployed', 'airship', '--version', '1'], /'--machine <ids>' not specified/],
    ['a retirement without a reason', ['retire', 'web-0'], /'--reason <text>' not specified/],
    ['an argument too many', ['machines', 'web-0'], /too many arguments/],
    [
      'a status that is none',
      ['deployed', 'a', '--version', '1', '--machine', 'b', '--status', 'ok'],
      /Allowed choices/,
    ],
    ['a time that is none', ['machines', '--as-of', 'yesterday'], /"yesterday" is neither a revision/],
    ['a limit of 0', ['machines', '--limit', '0'], /--limit is "0"; it must be a whole number from 1/],
    ['an output that is none', ['machines', '-o', 'yaml'], /"yaml" is not known/],
    ['an address that is none', ['machines', '--address', 'a b'], /address "a b" is not of the form/],
    [
      'a version without an environment',
      ['declare', 'airship', '--version', '1'],
      /--version needs --environment/,
    ],
  ])('%s is a usage error', async (_, argv, message) => {
    const { code, out, err } = await holdfast(...argv)
    expect(code).toBe(2)
    expect(err).toMatch(message)
    expect(out).toBe('')
  })

  test('without a server a listing exits with 11 and says where it looked and what to do', async () => {
    const { code, out, err } = await holdfast('machines')
    expect(code).toBe(11)
    expect(err).toMatch(/^holdfast: no server answers at 127\.0\.0\.1:1: connect ECONNREFUSED/)
    expect(err).toContain('--address')
    expect(out).toBe('')
  })

  test.each(['started', 'stopped'])('without a server %s warns and exits with 0', async (command) => {
    // In less a busy machine does not hear that nobody listens there, and says that there is no answer in time.
    const { code, out, err } = await holdfast(command, 'offline-tasks', '--timeout', '20s')
    expect(code).toBe(0)
    expect(err).toMatch(
      new RegExp(
        `'offline-tasks ${command} on .*' is kept .* not sent yet: no server answers at 127.0.0.1:1`,
      ),
    )
    expect(err).toContain('holdfast spool forward')
    expect(out).toBe('')
  })

  test.each([
    ['started', 'offline-tasks'],
    ['stopped', 'offline-tasks'],
    ['deployed', 'airship', '--version', '1', '--machine', 'web-0'],
  ])('a broken token file costs no report: %s keeps it and says what is wrong', async (...argv) => {
    const { code, err } = await holdfast(...argv, '--token-file', '/nonexistent')
    expect(code).toBe(0)
    expect(err).toMatch(/is kept .* not sent yet: the token file \/nonexistent cannot be read/)
  })

  test('global options stand before the command or after it, and the later one wins', async () => {
    const { err } = await holdfast('--address', '127.0.0.1:2', 'machines')
    expect(err).toContain('no server answers at 127.0.0.1:2')
    const { err: after } = await holdfast('--address', '127.0.0.1:2', 'machines', '--address', '127.0.0.1:3')
    expect(after).toContain('no server answers at 127.0.0.1:3')
  })
})
