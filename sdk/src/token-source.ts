import { Metadata } from '@grpc/grpc-js'
import { UnauthenticatedError } from './errors.ts'
import { sdkVersion } from './version.ts'

/**
 * Holds the bearer token, and gets another one when the server refuses it. One for all connections of a client: what
 * one of them was told of a token is true of the others.
 */
export class TokenSource {
  readonly #get: (() => string | Promise<string>) | undefined
  #token: string | undefined
  #pending: Promise<string> | undefined

  constructor(token: string | (() => string | Promise<string>) | undefined) {
    if (typeof token === 'function') this.#get = token
    else this.#token = token
  }

  /** True when there may be a better token than the one refused. */
  get renewable(): boolean {
    return this.#get !== undefined
  }

  /** The token, as far as there is one now. */
  get current(): string | undefined {
    return this.#token
  }

  /**
   * The metadata of a call: who calls, and with what software. A fresh object each time, for interceptors may
   * write into it. A promise only while the token is being got.
   *
   * @throws UnauthenticatedError when the token function fails.
   */
  metadata(): Metadata | Promise<Metadata> {
    if (this.#token !== undefined || this.#get === undefined) return metadataWith(this.#token)
    return this.#fetch(this.#get).then(metadataWith)
  }

  /** Takes a token that is known elsewhere. */
  adopt(token: string | undefined): void {
    if (token !== undefined) this.#token = token
  }

  /** Forgets the token that was refused, so that the next call gets another one. */
  discard(): void {
    if (this.#get !== undefined) this.#token = undefined
  }

  /** Another token in the place of one that was refused. @throws UnauthenticatedError */
  async renew(): Promise<string | undefined> {
    this.discard()
    return this.#get === undefined ? this.#token : await this.#fetch(this.#get)
  }

  async #fetch(get: () => string | Promise<string>): Promise<string> {
    // Calls that start together share one fetch.
    this.#pending ??= (async () => get())().finally(() => {
      this.#pending = undefined
    })
    try {
      this.#token = await this.#pending
      return this.#token
    } catch (cause) {
      throw new UnauthenticatedError('the token function failed', {
        code: 'UNAUTHENTICATED',
        reason: 'TOKEN_UNAVAILABLE',
        cause,
      })
    }
  }
}

function metadataWith(token: string | undefined): Metadata {
  const metadata = new Metadata()
  metadata.set('holdfast-client', `ts/${sdkVersion}`)
  if (token) metadata.set('authorization', `Bearer ${token}`)
  return metadata
}
