import { describe, expect, test } from 'vitest'
import { cutCommandArgs, cutText } from './observed-process.ts'
import { parseControlGroup, parseStat, splitCommandLine } from './process-files.ts'

const rest = 'S 7 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 4200 1000 10 0'

describe('parseStat', () => {
  test.each(['bash', 'a) b (c', 'two\nlines', '(sd-pam)', ') S 99 '])('reads the name %j', (name) => {
    expect(parseStat(Buffer.from(`42 (${name}) ${rest}`))).toEqual({
      name,
      parentPid: 7,
      kernelThread: false,
      zombie: false,
      startTicks: 4200,
    })
  })

  test('bytes that are no UTF-8 become replacement characters', () => {
    const text = Buffer.concat([Buffer.from('42 (x'), Buffer.from([0xff, 0xfe]), Buffer.from(`) ${rest}`)])
    expect(parseStat(text)?.name).toBe('x\uFFFD\uFFFD')
  })

  test('a torn file is no process', () => {
    for (const text of ['', '42', '42 (x', '42 (x) S 1']) expect(parseStat(Buffer.from(text))).toBeUndefined()
  })
})

describe('splitCommandLine', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['node\0server.js\0', ['node', 'server.js']],
    ['grep\0\0file\0', ['grep', '', 'file']],
    ['grep\0\0', ['grep']],
    ['postgres: writer\0\0\0\0', ['postgres: writer']],
    ['a\nb\0c\0', ['a\nb', 'c']],
  ])('%j is %j', (text, args) => {
    expect(splitCommandLine(Buffer.from(text))).toEqual(args)
  })
})

describe('cutting', () => {
  test('arguments are cut at 4 KiB in all', () => {
    const args = cutCommandArgs(['java', 'x'.repeat(10_000), 'never'])
    expect(args).toEqual(['java', 'x'.repeat(4_087), 'never'])
  })

  test('what follows a long argument stays, and of many the first', () => {
    const kafka = ['java', '-cp', '/opt/kafka/libs/a.jar:'.repeat(400), 'kafka.Kafka', 'server.properties']
    expect(cutCommandArgs(kafka).slice(3)).toEqual(['kafka.Kafka', 'server.properties'])
    const many = Array.from({ length: 10_000 }, (_, i) => `--option-${i}`)
    const kept = cutCommandArgs(many)
    expect(kept).toEqual(many.slice(0, kept.length))
    expect(Buffer.byteLength(kept.join(''))).toBeGreaterThan(4_000)
  })

  test('characters stay whole', () => {
    expect(cutText('aüü', 4)).toBe('aü')
    expect(cutText('😀😀', 7)).toBe('😀')
    expect(cutCommandArgs(['ab', 'üü'], 3)).toEqual(['ab'])
  })
})

test.each([
  ['0::/system.slice/nginx.service', '/system.slice/nginx.service'],
  ['4:memory:/a\n1:name=systemd:/init.scope\n0::/', '/init.scope'],
  ['4:memory:/docker/abc\n0::/', '/docker/abc'],
  ['0::/', ''],
  ['', ''],
])('the control group of %j is %j', (text, group) => {
  expect(parseControlGroup(text)).toBe(group)
})
