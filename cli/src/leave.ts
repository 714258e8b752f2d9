/**
 * Ends the process at once, with an exit code.
 *
 * `process.exit` is not enough where a name is still being looked up: it joins libuv's threads, and one of them stands in
 * getaddrinfo for 10 s a nameserver that does not answer, while a start script waits (so does `process.reallyExit`;
 * measured with a nameserver that drops what it gets). A thread cannot be ended, but a process that becomes another one
 * leaves its threads behind. What else was tried: SIGKILL, which is no exit code; `Resolver` of node:dns, which can be
 * cancelled and knows neither /etc/hosts nor search domains; RES_OPTIONS, which takes a second a nameserver at the least
 * and is glibc's; `getent` in a child, which costs a process for each report that is sent to a name.
 */
export function leave(code: number): never {
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap') && process.execve !== undefined) {
    process.emit('exit', code)
    // As Node's own exit does: whoever shares the pipe, as what a start script runs next, does not expect otherwise.
    for (const stream of [process.stdout, process.stderr]) makeBlocking(stream)
    process.execve('/bin/sh', ['sh', '-c', 'exit "$0"', String(code)], {})
  }
  process.exit(code)
}

function makeBlocking(stream: NodeJS.WriteStream): void {
  const { _handle: handle } = stream as { _handle?: { setBlocking?: (blocking: boolean) => void } }
  handle?.setBlocking?.(true)
}
