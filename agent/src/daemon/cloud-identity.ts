import { metadataText } from './metadata-service.ts'

/** Link-local: nobody but the hypervisor answers there. */
const METADATA = 'http://169.254.169.254'

/**
 * What the cloud calls this machine, by its metadata service: `aws:{account}/{region}/{instance}`,
 * `gcp:{project}/{zone}/{instance}` or `azure:{subscription}/{region}/{vm}`. All three answer at one address and are
 * asked at once. Undefined anywhere else, within a second. Never rejects.
 *
 * @param timeoutMs for each request, of which there are at most two in a row
 */
export async function cloudInstanceId(endpoint = METADATA, timeoutMs = 500): Promise<string | undefined> {
  const answers = await Promise.allSettled([aws, gcp, azure].map((ask) => ask(endpoint, timeoutMs)))
  return answers.find((answer) => answer.status === 'fulfilled')?.value
}

/** Version 2 of its service, which wants a token; version 1 may be switched off. */
async function aws(endpoint: string, timeoutMs: number): Promise<string> {
  const { body: token } = await metadataText(`${endpoint}/latest/api/token`, {
    method: 'PUT',
    timeoutMs,
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
  })
  const { body } = await metadataText(`${endpoint}/latest/dynamic/instance-identity/document`, {
    timeoutMs,
    headers: { 'x-aws-ec2-metadata-token': token },
  })
  const { accountId, region, instanceId } = JSON.parse(body) as Record<string, unknown>
  return idOf('aws', [accountId, region, instanceId])
}

async function gcp(endpoint: string, timeoutMs: number): Promise<string> {
  const ask = async (what: string): Promise<string> => {
    const headers = { 'metadata-flavor': 'Google' }
    const answer = await metadataText(`${endpoint}/computeMetadata/v1/${what}`, { headers, timeoutMs })
    // So its documentation says to tell it from others that answer anything.
    if (answer.headers['metadata-flavor'] !== 'Google') throw new Error('that is not Google')
    return answer.body
  }
  const [project, zone, instance] = await Promise.all(
    ['project/project-id', 'instance/zone', 'instance/id'].map(ask),
  )
  // `projects/123456789/zones/europe-west1-b`
  return idOf('gcp', [project, zone?.split('/').at(-1), instance])
}

async function azure(endpoint: string, timeoutMs: number): Promise<string> {
  const { body } = await metadataText(`${endpoint}/metadata/instance/compute?api-version=2021-02-01`, {
    timeoutMs,
    headers: { metadata: 'true' },
  })
  const { subscriptionId, location, vmId } = JSON.parse(body) as Record<string, unknown>
  return idOf('azure', [subscriptionId, location, vmId])
}

function idOf(cloud: string, parts: readonly unknown[]): string {
  const usable = parts.every((part) => typeof part === 'string' && /^[a-z0-9.:-]{1,64}$/i.test(part))
  if (!usable) throw new Error(`what ${cloud} answered is no identity`)
  return `${cloud}:${parts.join('/')}`
}
