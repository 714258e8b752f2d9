import { expect, test } from 'vitest'
import { InvalidRequestError } from '../errors.ts'
import { scopeOf, scopeText } from './scope.ts'

const box = { environment: '', service: '', machine: '', name: '' }

test('scopes are read as people write them', () => {
  const whole = { ...box, environment: 'production', service: 'airship', machine: 'web-0' }
  expect(scopeOf('production/airship/web-0')).toEqual(whole)
  expect(scopeOf('production/*/web-0')).toEqual({ ...whole, service: '*' })
  expect(scopeOf('production')).toEqual({ ...box, environment: 'production' })
  expect(scopeOf('name:db/migration:4')).toEqual({ ...box, name: 'db/migration:4' })
  expect(scopeOf({ machine: 'web-0' })).toEqual({ ...box, machine: 'web-0' })
  expect(scopeOf('*')).toEqual({ ...box, environment: '*' })
})

test('what names nothing, or too much, is refused before it is sent', () => {
  for (const wrong of ['', '//', 'a/b/c/d', 'name:', {}, { name: 'x', machine: 'y' }]) {
    expect(() => scopeOf(wrong), JSON.stringify(wrong)).toThrow(InvalidRequestError)
  }
})

test('scopes are written without the stars at their end', () => {
  const written = ['production/airship/web-0', '*/*/web-0', 'production/airship', 'production', '*', 'name:x']
  for (const text of written) expect(scopeText(scopeOf(text))).toBe(text)
  expect(scopeText({ environment: 'production', service: '*', machine: '*', name: '' })).toBe('production')
})
