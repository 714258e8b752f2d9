import { Metadata } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { bearerTokenAuthentication, loopbackAuthentication, parseTokenFile } from './bearer-token.ts'

test('a token file names principals, and may hold comments and blank lines', () => {
  expect(parseTokenFile('# ours\r\nalice:s3:cret\r\n\r\nplain\n')).toEqual([
    { principal: 'alice', token: 's3:cret' },
    { principal: 'token', token: 'plain' },
  ])
})

test.each([
  ['', 'no token'],
  ['# nothing\n', 'no token'],
  ['ok\nalice:\n', 'line 2'],
  [':secret', 'line 1'],
  ['alice:two words', 'line 1'],
  ['a:same\nb:same', 'line 2 repeats'],
])('%j is refused', (text, why) => {
  expect(() => parseTokenFile(text)).toThrow(why)
})

test('a refusal of a token file does not show the token', () => {
  expect(() => parseTokenFile('alice:top secret')).not.toThrow(/top secret/)
})

test.each(['Bearer s3cret', 'bearer  s3cret'])('%s is let in', (authorization) => {
  const authenticate = bearerTokenAuthentication(parseTokenFile('bob:other\nalice:s3cret'))
  expect(authenticate(Metadata.fromHttp2Headers({ authorization }), 'peer')).toBe('alice')
})

test.each(['s3cret', 'Basic s3cret', 'Bearer', 'Bearer s3cre', 'Bearer s3cret x'])(
  '%s is refused',
  (authorization) => {
    const authenticate = bearerTokenAuthentication(parseTokenFile('alice:s3cret'))
    expect(() => authenticate(Metadata.fromHttp2Headers({ authorization }), 'peer')).toThrow(/bearer token/)
  },
)

test('on loopback a caller may say who it is, in printable text', () => {
  const claim = (name: string) => Metadata.fromHttp2Headers({ 'holdfast-principal': name })
  expect(loopbackAuthentication(new Metadata())).toBe('anonymous@loopback')
  expect(loopbackAuthentication(claim('deploy/airship'))).toBe('deploy/airship')
  expect(() => loopbackAuthentication(claim('two words'))).toThrow(/printable/)
})
