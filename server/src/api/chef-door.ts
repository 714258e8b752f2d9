import { readChefMessage } from '../domain/chef/chef-message.ts'
import { invalidRequest } from '../domain/error.ts'
import type { Door } from './door.ts'
import { ChefRecorder, type ChefRecorderParts } from './record-chef.ts'

/** A converge of a large node is 5 MB. */
const MAX_BYTES = 16 << 20

/** Ours, and the one of Chef Automate, where nodes send to already. */
const PATHS = ['/chef/data-collector', '/data-collector/v0/']

/** Where stock chef-client's data collector is pointed at. It takes any 2xx for done, and sends nothing twice. */
export function chefDoors(parts: ChefRecorderParts): Door[] {
  const recorder = new ChefRecorder(parts)
  return PATHS.map((path) => ({
    path,
    maxBytes: MAX_BYTES,
    tokenHeader: 'x-data-collector-token',
    async handle({ body }, context) {
      return { status: 200, json: await recorder.record(readChefMessage(parsed(body)), context) }
    },
  }))
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw invalidRequest([{ field: 'body', description: `is not JSON: ${(error as Error).message}` }])
  }
}
