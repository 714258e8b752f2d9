import { expect, test } from 'vitest'
import { isLoopback, splitAddress } from './loopback.ts'

test.each(['127.0.0.1', '127.255.0.9', '::1', 'localhost', 'LOCALHOST', '0:0:0:0:0:0:0:1'])(
  '%s is loopback',
  (host) => {
    expect(isLoopback(host)).toBe(true)
  },
)

test.each([
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '::2',
  'web-0',
  'localhost.example.com',
  '127.0.0.1.example.com',
  '',
])('%s is not loopback', (host) => {
  expect(isLoopback(host)).toBe(false)
})

test.each([
  ['127.0.0.1:7420', { host: '127.0.0.1', port: 7420 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['web-0.example.com:65535', { host: 'web-0.example.com', port: 65535 }],
])('%s is split', (address, parts) => {
  expect(splitAddress(address)).toEqual(parts)
})

test.each(['7420', ':7420', '127.0.0.1', '127.0.0.1:', '::1:7420', 'a:65536', 'http://a:1', 'a b:1', ''])(
  '%s is not an address',
  (address) => {
    expect(splitAddress(address)).toBeUndefined()
  },
)
