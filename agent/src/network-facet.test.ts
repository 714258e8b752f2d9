import { expect, test } from 'vitest'
import { expandIp6, isRuntimeInterface, networkAttributes, passingAddresses } from './network-facet.ts'

test('interfaces are listed by name, addresses once', () => {
  expect(
    networkAttributes([
      { name: 'eth1', mac: '', ip4: [], ip6: [], state: 'down' },
      {
        name: 'eth0',
        mac: '02:00:00:00:00:01',
        ip4: ['192.0.2.9', '192.0.2.8'],
        ip6: ['2001:db8::1'],
        state: 'up',
      },
    ]),
  ).toEqual({
    'host.interfaces': [
      { name: 'eth0', mac: '02:00:00:00:00:01', ip4: '192.0.2.9', ip6: '2001:db8::1', state: 'up' },
      { name: 'eth1', state: 'down' },
    ],
    'host.ip': ['192.0.2.8', '192.0.2.9', '2001:db8::1'],
    'host.mac': ['02:00:00:00:00:01'],
  })
})

test('interfaces of containers and virtual machines are not of the machine', () => {
  for (const name of ['veth12ab', 'docker0', 'br-0a1b', 'virbr0', 'cali123'])
    expect(isRuntimeInterface(name)).toBe(true)
  for (const name of ['eth0', 'enp3s0', 'bond0', 'br0', 'wlan0']) expect(isRuntimeInterface(name)).toBe(false)
})

test('temporary, tentative and link-local addresses do not last', () => {
  const table = [
    '20010db8000000000000000000000001 02 40 00 80 eth0',
    '20010db800000000aaaabbbbccccdddd 02 40 00 01 eth0',
    'fe8000000000000000fcfffe00000001 02 40 20 80 eth0',
  ].join('\n')
  expect(passingAddresses(table)).toEqual(
    new Set(['eth0 20010db800000000aaaabbbbccccdddd', 'eth0 fe8000000000000000fcfffe00000001']),
  )
})

test.each([
  ['2001:db8::1', '20010db8000000000000000000000001'],
  ['::1', '00000000000000000000000000000001'],
  ['fe80::', 'fe800000000000000000000000000000'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
])('%s is %s in the kernel table', (address, digits) => {
  expect(expandIp6(address)).toBe(digits)
})
