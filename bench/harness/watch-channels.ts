import type { ChannelOptions } from '@grpc/grpc-js'

/** A connection of its own for each client, as separate programs have. */
export const channelOptions: ChannelOptions = { 'grpc.use_local_subchannel_pool': 1 }

/** The four connections that the watch streams of a benchmark are spread over, on both sides. */
export function watchChannels<Client>(open: () => Client): Client[] {
  return Array.from({ length: 4 }, open)
}
