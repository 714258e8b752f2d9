import { expect, test } from 'vitest'
import { diskAttributes, firmwareText, isDisk } from './hardware-facet.ts'

test('disks are summed up and listed by name, without what is not known', () => {
  expect(
    diskAttributes([
      { name: 'sdb', size: 2_000, type: 'HDD', vendor: '' },
      { name: 'nvme0n1', size: 1_000, type: 'NVMe', vendor: 'Samsung' },
    ]),
  ).toEqual({
    'host.disk.count': 2,
    'host.disk.size': 3_000,
    'host.disks': [
      { name: 'nvme0n1', size: 1_000, type: 'NVMe', vendor: 'Samsung' },
      { name: 'sdb', size: 2_000, type: 'HDD' },
    ],
  })
})

test('memory, loops and layers over other devices are no disks', () => {
  for (const name of ['loop0', 'ram1', 'zram0', 'dm-0', 'md127', 'sr0', 'nbd0'])
    expect(isDisk(name)).toBe(false)
  for (const name of ['vda', 'sda', 'nvme0n1', 'xvda', 'mmcblk0']) expect(isDisk(name)).toBe(true)
})

test('what vendors leave in unset fields is no text', () => {
  for (const text of [
    'To Be Filled By O.E.M.',
    'Default string',
    'System Serial Number',
    '0',
    '-',
    ' ',
    'None',
  ]) {
    expect(firmwareText(text)).toBeUndefined()
  }
  expect(firmwareText('Raspberry Pi 4\0')).toBe('Raspberry Pi 4')
})
