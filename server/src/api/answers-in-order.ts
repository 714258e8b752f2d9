/**
 * Takes requests as they come, up to `atOnce` at a time, and gives their answers in the order of the requests. Ends after
 * the last answer; throws what a request or the reading threw, when it is its turn.
 */
export async function* answersInOrder<Request, Answer>(
  requests: AsyncIterable<Request>,
  answer: (request: Request) => Promise<Answer>,
  atOnce: number,
): AsyncGenerator<Answer> {
  const answers: Promise<Answer>[] = []
  let over = false
  let wakeReader = noop
  let wakeWriter = noop
  const read = async (): Promise<void> => {
    for await (const request of requests) {
      const answered = answer(request)
      // It is heard of when it is its turn, if the stream lasts till then.
      answered.catch(noop)
      answers.push(answered)
      wakeWriter()
      while (answers.length >= atOnce && !over) await new Promise<void>((resolve) => (wakeReader = resolve))
      if (over) return
    }
  }
  const reading = read().finally(() => {
    over = true
    wakeWriter()
  })
  reading.catch(noop)
  try {
    for (;;) {
      const [first] = answers
      if (first !== undefined) {
        yield await first
        answers.shift()
        wakeReader()
      } else if (over) break
      else await new Promise<void>((resolve) => (wakeWriter = resolve))
    }
    await reading
  } finally {
    over = true
    wakeReader()
  }
}

function noop(): void {}
