import { type RequestOptions, request } from 'node:http'

/** Link-local: nobody but the hypervisor answers there. */
const METADATA = 'http://169.254.169.254'
const TIMEOUT_MS = 500
const MAX_BYTES = 16_384

/**
 * `aws:{account}/{region}/{instance}` of a machine at AWS, by its instance metadata service (version 2); undefined
 * anywhere else, within a second. Never rejects.
 */
export async function cloudInstanceId(endpoint = METADATA): Promise<string | undefined> {
  try {
    const token = await textOf(`${endpoint}/latest/api/token`, {
      method: 'PUT',
      headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
    })
    const document = await textOf(`${endpoint}/latest/dynamic/instance-identity/document`, {
      headers: { 'x-aws-ec2-metadata-token': token },
    })
    const { accountId, region, instanceId } = JSON.parse(document) as Record<string, unknown>
    const parts = [accountId, region, instanceId]
    const usable = parts.every((part) => typeof part === 'string' && /^[a-z0-9-]{1,64}$/i.test(part))
    return usable ? `aws:${parts.join('/')}` : undefined
  } catch {
    return undefined
  }
}

/** The body of an answer of 200. Not `fetch`, whose machinery would be 10 MB for two requests. */
function textOf(url: string, options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const call = request(url, { ...options, signal, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > MAX_BYTES) call.destroy(new Error(`${url} answered too much`))
      })
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(text)
          : reject(new Error(`${url} answered ${response.statusCode}`)),
      )
    })
    call.once('error', reject)
    call.end()
  })
}
