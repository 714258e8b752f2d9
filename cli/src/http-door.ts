import { Agent as HttpAgent, type RequestOptions, request } from 'node:http'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './usage-error.ts'

/** A path of the server's HTTP listener, for the commands that have no method of gRPC. Close it when done. */
export interface HttpDoor extends Disposable {
  /** `host:port` */
  readonly address: string
  /** Sends a body of JSON, and gives the answer's. Rejects when nobody answers. */
  post(body: string): Promise<{ status: number; body: unknown }>
}

/** Opens a door with this run's settings. Without an address it is at the server's host, port 7421. */
export function openDoor(
  { settings, env }: CommandContext,
  { path, address: given }: { path: string; address: string | undefined },
): HttpDoor {
  const address = given ?? env.HOLDFAST_HTTP_ADDRESS ?? `${hostOf(settings.address)}:7421`
  const local = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(address)
  const tls = settings.tls ?? !local
  const scheme = tls === false ? 'http' : 'https'
  if (/[\s/]/.test(address) || !URL.canParse(`${scheme}://${address}`)) {
    throw new UsageError(
      `the HTTP address ${JSON.stringify(address)} is not HOST:PORT, such as 127.0.0.1:7421`,
    )
  }
  const url = new URL(path, `${scheme}://${address}`)
  // One connection for all that is sent.
  const agent =
    tls === false
      ? new HttpAgent({ keepAlive: true })
      : new HttpsAgent({ keepAlive: true, ...(typeof tls === 'object' && { ca: tls.ca }) })
  const { token } = settings
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const options: RequestOptions = { method: 'POST', agent, headers }
  return {
    address,
    post: (body) =>
      new Promise((resolve, reject) => {
        const call = (tls === false ? request : requestTls)(url, options, async (answer) => {
          let text = ''
          try {
            for await (const piece of answer.setEncoding('utf8')) text += piece
            resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) })
          } catch (error) {
            reject(error)
          }
        })
        call.once('error', reject)
        call.end(body)
      }),
    [Symbol.dispose]: () => agent.destroy(),
  }
}

/** The host of a gRPC address, as a URL has it. */
function hostOf(address: string): string {
  if (address.startsWith('unix')) return '127.0.0.1'
  return address.replace(/^(dns|ipv4|ipv6):(\/\/[^/]*\/)?/, '').replace(/:\d+$/, '')
}
