import { expect, test } from 'vitest'
import { qualified } from './fully-qualified-name.ts'
import { otelArch, parseOsRelease } from './os-facet.ts'

test('os-release is read as a shell would', () => {
  const text = [
    '# a comment',
    'NAME="Debian GNU/Linux"',
    "VERSION_ID='12'",
    'ID=debian',
    'PRETTY_NAME="A \\"quoted\\" name"',
    'not an assignment',
  ].join('\n')
  expect(parseOsRelease(text)).toEqual({
    NAME: 'Debian GNU/Linux',
    VERSION_ID: '12',
    ID: 'debian',
    PRETTY_NAME: 'A "quoted" name',
  })
})

test("architectures have OpenTelemetry's names", () => {
  expect(['x64', 'arm64', 'arm', 'ia32', 's390x'].map(otelArch)).toEqual([
    'amd64',
    'arm64',
    'arm32',
    'x86',
    's390x',
  ])
})

test('only a name with a real domain is fully qualified', () => {
  expect(qualified('Web-0.Example.com.')).toBe('web-0.example.com')
  for (const name of ['web-0', 'localhost.localdomain', '', '.example.com', 'a b.c']) {
    expect(qualified(name)).toBeUndefined()
  }
})
