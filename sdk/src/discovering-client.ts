import type { DiscoveryRule, Finding } from '../../proto/gen/holdfast/v1/discovery.ts'
import type {
  ListVersionProbesResponse_VersionProbe,
  SimulateRuleResponse,
} from '../../proto/gen/holdfast/v1/discovery_service.ts'
import type * as changes from './changes.ts'
import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import * as discovery from './discovery.ts'
import { LockingClient } from './locks/locking-client.ts'
import type { MachineInput } from './machine-ref.ts'
import type { Paginator } from './paginator.ts'
import type * as reads from './reads.ts'

/** What a client does about findings and the rules of discovery: the part of {@link Holdfast} that is theirs. */
export abstract class DiscoveringClient extends LockingClient {
  readonly #connection: Connection

  /** @internal */
  protected constructor(connection: Connection, owner: string) {
    super(connection, owner)
    this.#connection = connection
  }

  /** Lists what discovery found. */
  listFindings(options: reads.ListOptions = {}): Paginator<Finding> {
    return discovery.listFindings(this.#connection, options)
  }

  /**
   * Decides about a finding, by `{machine}~{service}` or `{machine}~{service}~{slot}`. Accepting makes its instance.
   *
   * @throws NotFoundError, ConflictError
   * @example
   * await holdfast.resolveFinding('web-0~redis', { decision: 'accepted' })
   */
  async resolveFinding(
    name: string,
    options: changes.ChangeOptions & { decision: discovery.FindingDecision },
  ): Promise<discovery.ResolvedFinding> {
    return await discovery.resolveFinding(this.#connection, name, options)
  }

  /** Lists the rules that findings are found by, in the order in which they are tried. */
  async listDiscoveryRules(options: CallOptions = {}): Promise<DiscoveryRule[]> {
    return await discovery.listDiscoveryRules(this.#connection, options)
  }

  /**
   * Makes a discovery rule, or puts it in the place of the one of its name, and applies it to the scans that are stored.
   * What it found for many machines takes a while: give `timeoutMs`.
   *
   * @throws InvalidRequestError, ConflictError
   */
  async putDiscoveryRule(
    name: string,
    options: changes.ChangeOptions & { rule: discovery.RuleInput },
  ): Promise<discovery.ChangedDiscoveryRule> {
    return await discovery.putDiscoveryRule(this.#connection, name, options)
  }

  /** Deletes a discovery rule, shipped ones included; what it found is withdrawn. @throws NotFoundError, ConflictError */
  async deleteDiscoveryRule(
    name: string,
    options: changes.ChangeOptions = {},
  ): Promise<discovery.ChangedDiscoveryRule> {
    return await discovery.deleteDiscoveryRule(this.#connection, name, options)
  }

  /** Shows what a rule would find in the last scan of each machine. Saves nothing. @throws InvalidRequestError */
  async simulateRule(
    rule: discovery.RuleInput,
    options: discovery.SimulateRuleOptions = {},
  ): Promise<SimulateRuleResponse> {
    return await discovery.simulateRule(this.#connection, rule, options)
  }

  /** Lists where rules say that versions are to be read on a machine. For agents. */
  async listVersionProbes(
    machine: MachineInput,
    options: CallOptions = {},
  ): Promise<ListVersionProbesResponse_VersionProbe[]> {
    return await discovery.listVersionProbes(this.#connection, machine, options)
  }
}
