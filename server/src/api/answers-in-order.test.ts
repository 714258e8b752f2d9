import { expect, test } from 'vitest'
import { answersInOrder } from './answers-in-order.ts'

async function* from<T>(...values: T[]): AsyncGenerator<T> {
  for (const value of values) yield value
}

test('requests are taken while others have no answer yet, and answered in order', async () => {
  const taken: number[] = []
  const second = Promise.withResolvers<void>()
  const answer = async (request: number) => {
    taken.push(request)
    // The first is answered after the second.
    if (request === 1) await second.promise
    if (request === 2) second.resolve()
    return request * 10
  }
  const answers = []
  for await (const given of answersInOrder(from(1, 2, 3), answer, 10)) answers.push(given)
  expect(taken).toEqual([1, 2, 3])
  expect(answers).toEqual([10, 20, 30])
})

test('no more are taken at once than that', async () => {
  let underWay = 0
  let most = 0
  const answer = async (request: number) => {
    most = Math.max(most, ++underWay)
    await new Promise((resolve) => setImmediate(resolve))
    underWay--
    return request
  }
  const numbers = Array.from({ length: 50 }, (_, at) => at)
  const answers = []
  for await (const given of answersInOrder(from(...numbers), answer, 4)) answers.push(given)
  expect(answers).toEqual(numbers)
  expect(most).toBe(4)
})

test('what a request throws comes after the answers before it, and ends the stream', async () => {
  const answer = async (request: number) => {
    if (request === 2) throw new Error('no')
    return request
  }
  const answers = answersInOrder(from(1, 2, 3), answer, 10)
  expect(await answers.next()).toEqual({ done: false, value: 1 })
  await expect(answers.next()).rejects.toThrow('no')
  expect((await answers.next()).done).toBe(true)
})

test('what the reading throws comes after all answers', async () => {
  async function* broken() {
    yield 1
    throw new Error('cut')
  }
  const answers = answersInOrder(broken(), async (request) => request, 10)
  expect(await answers.next()).toEqual({ done: false, value: 1 })
  await expect(answers.next()).rejects.toThrow('cut')
})
