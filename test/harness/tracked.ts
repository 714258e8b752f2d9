/** What runs, by what it is. Whatever a harness starts is in here until it has ended. */
export const running = new Map<object, string>()

/** Notes something that must end; gives what says that it did. */
export function tracked(thing: object, what: string): () => void {
  running.set(thing, what)
  return () => void running.delete(thing)
}
