import { describe, expect, test } from 'vitest'
import { parseAddress } from './address.ts'

describe('parseAddress', () => {
  test.each([
    ['127.0.0.1:7420', 'dns:127.0.0.1:7420', '127.0.0.1:7420', true],
    ['localhost', 'dns:localhost:7420', 'localhost:7420', true],
    ['holdfast.example', 'dns:holdfast.example:7420', 'holdfast.example:7420', false],
    ['holdfast.example:443', 'dns:holdfast.example:443', 'holdfast.example:443', false],
    ['[::1]:7420', 'dns:[::1]:7420', '[::1]:7420', true],
    ['::1', 'dns:[::1]:7420', '[::1]:7420', true],
    ['[2001:db8::1]', 'dns:[2001:db8::1]:7420', '[2001:db8::1]:7420', false],
    ['10.0.0.1:7420', 'dns:10.0.0.1:7420', '10.0.0.1:7420', false],
    ['dns:///holdfast.example:7420', 'dns:///holdfast.example:7420', 'holdfast.example:7420', false],
    ['dns://8.8.8.8/localhost:7420', 'dns://8.8.8.8/localhost:7420', 'localhost:7420', true],
    ['ipv4:127.0.0.1:1,127.0.0.2:2', 'ipv4:127.0.0.1:1,127.0.0.2:2', '127.0.0.1:1,127.0.0.2:2', true],
    ['ipv4:127.0.0.1:1,10.0.0.1:2', 'ipv4:127.0.0.1:1,10.0.0.1:2', '127.0.0.1:1,10.0.0.1:2', false],
    ['unix:/run/holdfast.sock', 'unix:/run/holdfast.sock', 'unix:/run/holdfast.sock', true],
  ])('%s', (address, target, text, local) => {
    expect(parseAddress(address)).toEqual({ target, text, local })
  })

  test.each(['', 'https://holdfast.example', 'a b', ':7420', 'host:0', 'host:70000', 'host:http'])(
    '%j is refused, and the message shows it',
    (address) => {
      expect(() => parseAddress(address)).toThrow(TypeError)
      expect(() => parseAddress(address)).toThrow(JSON.stringify(address))
    },
  )
})
