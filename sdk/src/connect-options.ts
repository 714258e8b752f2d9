import type { Interceptor } from '@grpc/grpc-js'
import type { Logger } from './logger.ts'

/** How the server is told to be itself, and the client to be who it is. PEM text or bytes. */
export interface TlsOptions {
  /** The certificates that may have signed the server's. @defaultValue those that Node trusts */
  ca?: string | Buffer | undefined
  /** The client's own certificate chain. Goes with `key`. */
  cert?: string | Buffer | undefined
  /** The key of `cert`. */
  key?: string | Buffer | undefined
  /** The name to find in the server's certificate. @defaultValue the host of `address` */
  serverName?: string | undefined
}

/** What {@link Holdfast.connect} and {@link Holdfast.lazy} take. Everything has a default. */
export interface ConnectOptions {
  /**
   * Where the server listens: `host:port`, `host` (port 7420), `dns:///host:port`, `ipv4:a:p,b:p` or
   * `unix:/path`. @defaultValue the environment variable `HOLDFAST_ADDRESS`, else `127.0.0.1:7420`
   */
  address?: string | undefined
  /**
   * The bearer token, or a function that gets it. The function is called when a token is first needed, and
   * once more when the server refuses the one it gave.
   * @defaultValue the environment variable `HOLDFAST_TOKEN`, else what the file `HOLDFAST_TOKEN_FILE` holds, else no
   * token
   */
  token?: string | (() => string | Promise<string>) | undefined
  /**
   * Whether to speak TLS, and how. `false` sends the token in the clear.
   * @defaultValue `true`, but `false` when `address` is a loopback address or a unix socket
   */
  tls?: boolean | TlsOptions | undefined
  /**
   * Who reports, as the timeline shows it: 1 to 256 bytes of printable text without spaces. Names one
   * producer. @defaultValue `sdk/` and this host's name
   */
  source?: string | undefined
  /**
   * What the client calls itself to those whom its locks block, such as `airchef on deploy-1`: up to 256 bytes.
   * @defaultValue `source` and the process id
   */
  owner?: string | undefined
  /** How long a unary call may take, retries included, in milliseconds. @defaultValue 10,000 */
  timeoutMs?: number | undefined
  /** Hears of reconnects and retries. @defaultValue silence */
  logger?: Logger | undefined
  /** grpc-js interceptors, outermost first, such as one that injects a `traceparent`. */
  interceptors?: Interceptor[] | undefined
}

/** What every call takes. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's own reason. The server is told. */
  signal?: AbortSignal | undefined
  /** How long the call may take, retries included, in milliseconds. @defaultValue that of the client */
  timeoutMs?: number | undefined
  /**
   * How often to try while the server is UNAVAILABLE, the first time included; 1 means no retry.
   * @defaultValue 5
   */
  maxAttempts?: number | undefined
}
