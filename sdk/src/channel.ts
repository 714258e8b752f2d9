import { type ChannelCredentials, Client, type ClientOptions, credentials } from '@grpc/grpc-js'
import { type Address, parseAddress } from './address.ts'
import type { ConnectOptions, TlsOptions } from './connect-options.ts'

/** A channel that nothing was dialled on yet, and the address it goes to. */
export interface Channel {
  client: Client
  address: Address
  /** True when tokens leave this machine in the clear. */
  exposed: boolean
}

/** What a channel is made of. */
export interface ChannelOptions extends ConnectOptions {
  address: string
  /** Whether to share no socket with other channels to the same place. @defaultValue false */
  ownSocket?: boolean | undefined
}

const channelOptions: ClientOptions = {
  // The SDK retries by itself, by the contract's idempotency levels; grpc-js would also keep a copy of all
  // that a stream sends for a retry that never comes.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // While a dial waits its turn every call fails at once, so the first waits are those of our own retries.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 0,
  // A machine with all its facets and processes may exceed the 4 MiB that grpc-js allows.
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.max_send_message_length': 16 * 1024 * 1024,
}

/**
 * Makes the channel of a client.
 *
 * @throws TypeError when the address or the TLS options make no sense.
 */
export function openChannel(options: ChannelOptions): Channel {
  const address = parseAddress(options.address)
  const tls = options.tls ?? !address.local
  const client = new Client(address.target, channelCredentials(tls), {
    ...channelOptions,
    // A proxy for the way out is none for this machine itself.
    ...(address.local && { 'grpc.enable_http_proxy': 0 }),
    ...(options.ownSocket && { 'grpc.use_local_subchannel_pool': 1 }),
    ...(options.interceptors && { interceptors: options.interceptors }),
    ...(typeof tls === 'object' && tls.serverName ? nameOverride(tls.serverName) : {}),
  })
  return { client, address, exposed: tls === false && !address.local }
}

function channelCredentials(tls: boolean | TlsOptions): ChannelCredentials {
  if (tls === false) return credentials.createInsecure()
  if (tls === true) return credentials.createSsl()
  const { ca, cert, key } = tls
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError('tls.cert and tls.key go together: give both or neither')
  }
  return credentials.createSsl(pem(ca), pem(key), pem(cert))
}

function nameOverride(serverName: string): ClientOptions {
  return { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }
}

function pem(value: string | Buffer | undefined): Buffer | null {
  return value === undefined ? null : Buffer.from(value)
}
