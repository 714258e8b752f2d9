import { expect, test } from 'vitest'
import { packagesIn } from './packages-facet.ts'

test('what dpkg has installed, without what it has removed', () => {
  const text = 'ii  zlib1g:amd64\t1:1.2.13\nrc  gone\t1.0\nii  adduser\t3.134\n\n'
  expect(packagesIn(text)).toEqual([
    ['adduser', '3.134'],
    ['zlib1g:amd64', '1:1.2.13'],
  ])
})

test('what rpm has installed', () => {
  expect(packagesIn('bash\t0:5.1.8-9.el9\n')).toEqual([['bash', '0:5.1.8-9.el9']])
})
