import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'

const MAX_BYTES = 16_384

export interface MetadataAnswer {
  body: string
  headers: IncomingHttpHeaders
}

/**
 * An answer of 200 of a metadata service. Rejects for any other, and after `timeoutMs`. Heeds no proxy, and is not
 * `fetch`, whose machinery would be 10 MB for a few requests.
 */
export function metadataText(
  url: string,
  { timeoutMs, ...options }: RequestOptions & { timeoutMs: number },
): Promise<MetadataAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const call = request(url, { ...options, signal, agent: false }, (response) => {
      const { statusCode, headers } = response
      let body = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length > MAX_BYTES) call.destroy(new Error(`${url} answered too much`))
      })
      response.on('end', () =>
        statusCode === 200 ? resolve({ body, headers }) : reject(new Error(`${url} answered ${statusCode}`)),
      )
    })
    call.once('error', reject)
    call.end()
  })
}
