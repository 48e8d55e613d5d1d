import { ConfigurationError, type FollowEndpoint } from '../../clusters/cluster.js';
import { type PreparedEndpoint, prepareEndpoint } from '../../clusters/configuration.js';
import type { Endpoint } from '../../clusters/endpoint.js';
import type { AddedCluster } from '../../clusters/registry.js';
import { urlOf } from '../../kubeconfig/server-address.js';
import type { ClientConfig } from '../../kubeconfig/types.js';
import { judgeAddresses, type ServerRules, serverProblem } from './addresses.js';
import { ChangingSource } from './changing-source.js';
import { type FoundConfig, refusal } from './found-config.js';
import type { Kind } from './kind.js';
import { outboundFields } from './outbound.js';

/** The object that defines a cluster. */
export interface FoundObject {
  /** `NAMESPACE.NAME` of the cluster. */
  readonly cluster: string;
  readonly uid: string;
  readonly kind: Kind;
  readonly namespace: string;
  /** Of the object. */
  readonly name: string;
}

/** What found clusters have in common. */
export interface FoundClusterParts {
  /** That of the process: it may name a proxy server for connections. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly servers: ServerRules;
  /** Reads the object at once. */
  readonly readAgain: () => Promise<void>;
}

type Follow = Parameters<AddedCluster['follow']>;

/** A cluster in use: it has endpoints. */
interface Use {
  readonly use: Follow[0];
  readonly events: Follow[1];
  endpoint: Endpoint;
  source: ChangingSource;
}

/** One object that defines a cluster, and what it says. It has no timer, and no connection: there may be many. */
export class FoundCluster implements AddedCluster {
  readonly isAdded = true;
  readonly object: FoundObject;
  readonly cluster = '';
  readonly user = '';
  readonly namespace = '';
  /** The URL of its server; empty before there is a usable version. */
  server = '';
  problem: string | undefined;
  condition: string | undefined;
  readonly displaced: AddedCluster['displaced'];
  readonly #parts: FoundClusterParts;
  /** The last version that could be used. */
  #prepared: PreparedEndpoint | undefined;
  #inUse: Use | undefined;

  constructor(object: FoundObject, parts: FoundClusterParts, displaced: AddedCluster['displaced']) {
    this.object = object;
    this.#parts = parts;
    this.displaced = displaced;
  }

  get name(): string {
    return this.object.cluster;
  }

  get isUsable(): boolean {
    return this.#prepared !== undefined;
  }

  /** Takes what a version of the object says. If that cannot be used, the last good one stays in use. */
  async take(found: FoundConfig): Promise<void> {
    if ('problems' in found) return this.#refuse(found.problems);
    const prepared = await this.#prepare(found.config);
    if ('problems' in prepared) return this.#refuse(prepared.problems);
    this.problem = undefined;
    this.condition = found.condition;
    this.server = urlOf(found.config.server);
    this.#prepared = prepared;
    if (this.#inUse !== undefined) this.#change(this.#inUse, prepared);
  }

  #refuse(problems: readonly string[]): void {
    this.problem = refusal(problems).problems.join('; ');
  }

  async #prepare(config: ClientConfig): ReturnType<typeof prepareEndpoint> {
    const { env, servers } = this.#parts;
    const problem = serverProblem(config.server, servers);
    if (problem !== undefined) return { problems: [problem] };
    const refuseAddress = judgeAddresses(config.server, servers);
    const given = { context: this.name, env, outbound: outboundFields, refuseAddress };
    return prepareEndpoint(config, given, readNothing);
  }

  /** As `AddedCluster.follow`. */
  async follow(use: Follow[0], events: Follow[1]): ReturnType<FollowEndpoint> {
    if (this.#prepared === undefined && this.problem === undefined) await this.#parts.readAgain();
    if (this.#prepared === undefined) throw new ConfigurationError([this.problem ?? 'it was not read yet']);
    const inUse = { use, events, ...this.#endpointOf(this.#prepared, events) };
    this.#inUse = inUse;
    use(inUse.endpoint);
    return {
      close: () => {
        if (this.#inUse === inUse) this.#inUse = undefined;
      },
    };
  }

  /** Another server or authority is another endpoint; another credential is not. */
  #change(inUse: Use, prepared: PreparedEndpoint): void {
    const { identity } = inUse.endpoint;
    if (prepared.identity.server === identity.server) {
      const { source } = inUse;
      source.replace(this.#create(prepared, inUse.events, source.current).source);
      return;
    }
    Object.assign(inUse, this.#endpointOf(prepared, inUse.events));
    inUse.use(inUse.endpoint);
  }

  #endpointOf(prepared: PreparedEndpoint, events: Follow[1]): Pick<Use, 'endpoint' | 'source'> {
    const endpoint = this.#create(prepared, events);
    const source = new ChangingSource(endpoint.source);
    return { endpoint: { ...endpoint, source }, source };
  }

  #create(prepared: PreparedEndpoint, events: Follow[1], before?: Endpoint['source']): Endpoint {
    return prepared.create({ events, rereadFiles: this.#parts.readAgain, before });
  }
}

/** No object of others leads to a file, whatever its configuration says. */
function readNothing(): Promise<never> {
  return Promise.reject(new Error('no file is read for a cluster that was found'));
}
