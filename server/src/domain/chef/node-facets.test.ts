import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodeFacets } from './node-facets.ts'

const facetOf = (automatic: object, facet: string) =>
  nodeFacets({ node: { automatic } }).find((one) => one.facet === facet)?.attributes

test('sizes are bytes: kB of memory are 1024 of them, and sectors of disks 512', () => {
  const ohai = {
    memory: { total: '3689604kB' },
    block_device: {
      sda: { size: '2048', rotational: '0', vendor: 'ATA' },
      nvme0n1: { size: '4096' },
      loop0: { size: '8' },
    },
  }
  expect(facetOf(ohai, 'hardware')).toEqual({
    'host.memory.size': 3_778_154_496,
    'host.disk.count': 2,
    'host.disk.size': (2048 + 4096) * 512,
    'host.disks': [
      { name: 'nvme0n1', size: 2_097_152, type: 'NVMe' },
      { name: 'sda', size: 1_048_576, type: 'SSD', vendor: 'ATA' },
    ],
  })
})

test('addresses that say nothing and interfaces that come and go are left out', () => {
  const addresses = {
    '10.0.0.5': { family: 'inet' },
    'fe80::1': { family: 'inet6', scope: 'Link' },
    '02:3F:B5:7E:AD:FF': { family: 'lladdr' },
  }
  const ohai = { network: { interfaces: { eth0: { addresses }, lo: { addresses }, veth1: { addresses } } } }
  expect(facetOf(ohai, 'network')).toEqual({
    'host.interfaces': [{ ip: '10.0.0.5', mac: '02:3f:b5:7e:ad:ff', name: 'eth0' }],
    'host.ip': ['10.0.0.5'],
    'host.mac': ['02:3f:b5:7e:ad:ff'],
  })
})

test('only what is listed is kept, whatever else a node holds, and of any type', () => {
  const secret = fc.constant('s3cret')
  const json = fc.oneof(fc.jsonValue({ maxDepth: 3 }), secret) as fc.Arbitrary<unknown>
  const automatic = fc.dictionary(
    fc.constantFrom('cpu', 'memory', 'network', 'dmi', 'kernel', 'ec2', 'packages', 'custom', 'etc'),
    json,
  )
  fc.assert(
    fc.property(automatic, fc.object(), (ohai, other) => {
      const facets = nodeFacets({ node: { automatic: { ...ohai, mine: 's3cret' }, normal: other } })
      for (const { attributes } of facets) expect(JSON.stringify(attributes)).not.toContain('s3cret')
    }),
  )
})
