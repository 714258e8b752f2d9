import { expect, test } from 'vitest'
import { observePackages, packagesIn } from './packages-facet.ts'

test('what dpkg has installed, without what it has removed', () => {
  const text = 'ii  zlib1g:amd64\t1:1.2.13\nrc  gone\t1.0\niU  torn\t1.0\nii  adduser\t3.134\n\n'
  expect(packagesIn(text)).toEqual([
    ['adduser', '3.134'],
    ['zlib1g:amd64', '1:1.2.13'],
  ])
})

test('what rpm has installed', () => {
  expect(packagesIn('bash\t0:5.1.8-9.el9\n')).toEqual([['bash', '0:5.1.8-9.el9']])
})

test('a package that is held at its version is installed', () => {
  expect(packagesIn('hi  kubelet\t1.31.2-1.1\n')).toEqual([['kubelet', '1.31.2-1.1']])
})

const lister = (script: string) => ['/bin/sh', ['-c', script]] as const

test('a package manager whose database is broken removes no package', async () => {
  expect(await observePackages([lister('exit 1')])).toBeUndefined()
  expect(await observePackages([lister('printf "bash\\t5.1\\n"; exit 1')])).toBeUndefined()
})

test('of two package managers the one that has packages tells, and warnings are no packages', async () => {
  const rpm = lister('printf "warning:\\t1\\n" >&2; printf "bash\\t5.1\\n"')
  expect(await observePackages([lister('exit 0'), rpm])).toEqual({
    facet: 'packages',
    attributes: { bash: '5.1' },
    complete: true,
    failures: [],
  })
})
