import { type Credential, isSameCredential } from '../credentials/credential.js';
import { hostOf } from '../kubeconfig/server-address.js';
import { StatusError } from '../kubernetes/status.js';
import type { ClusterMetrics } from '../observability/metrics/metrics.js';
import type { Access, AccessSource } from '../transport/access.js';
import { AccessMaker, type ConnectionOptions } from './access-maker.js';
import type { Endpoint } from './endpoint.js';

/** What works for a cluster as long as the cluster is in use. */
export interface ClusterPart {
  /** Lets what is open end, and begins nothing new. */
  close(): void;
  /** Ends everything at once. */
  destroy(): void;
  /** The cluster has another endpoint from now on. */
  replaced?(): void;
}

/** How a cluster reaches its API server, and how that is counted. */
export interface ClusterOptions<Metrics = ClusterMetrics> extends ConnectionOptions {
  /** The metrics of a cluster of this name. */
  readonly metricsOf: (name: string) => Metrics;
  /** The cluster whose API server says who the callers are; by default the cluster itself. */
  readonly voucher?: Cluster<Metrics> | undefined;
}

/** The configuration cannot be used: a 503 whose message says why. */
export class ConfigurationError extends StatusError {
  readonly problems: readonly string[];

  /** @param cluster The cluster in the message, such as `context "dev"`; empty for that of `/`. */
  constructor(problems: readonly string[], cluster = '') {
    const which = cluster === '' ? '' : `${cluster} cannot be used: `;
    // There is no Retry-After: client-go would try ten times, once a second, although the user must first correct a file.
    super(503, `${which}${problems.join('; ')}`);
    this.problems = problems;
  }
}

/**
 * Gives a cluster its endpoints. Calls `use` with the first one before it resolves, and with later ones until it is closed. Rejects with a
 * ConfigurationError.
 */
export type FollowEndpoint = (use: (endpoint: Endpoint) => void) => Promise<{ close(): void }>;

/** A configuration that could not be used is not read again for this many milliseconds. */
const retryInterval = 1_000;

/**
 * One API server, as a context of the kubeconfig defines it, or a feature. The cluster reads its configuration when it is first used, and then follows
 * its changes. When the credentials or the configuration change, it makes a new access: new requests use the new one, open requests end
 * on the old one, and idle connections of the old one are closed.
 *
 * @typeParam Metrics Undefined for a server that is no API server, but is reached like one.
 */
export class Cluster<Metrics = ClusterMetrics> implements AccessSource {
  readonly #name: string;
  readonly #follow: FollowEndpoint;
  readonly #accesses: AccessMaker;
  readonly #metricsOf: ClusterOptions<Metrics>['metricsOf'];
  readonly #parts: ClusterPart[] = [];
  /** The cluster whose API server says whose a token is (TokenReview). Another one's word about a caller is worth nothing here. */
  readonly voucher: Cluster<Metrics>;
  /** How requests to the cluster are counted. Others take their place if the cluster of `/` gets another name. */
  metrics: Metrics;
  /** The endpoint for new requests; undefined before the cluster is open. Only `replace` changes it. */
  endpoint: Endpoint | undefined;
  /** The access that requests use without asking, until a 401 or another endpoint ends it; undefined if its credential may end by itself. */
  current: Access | undefined;
  #opening: Promise<Endpoint> | undefined;
  /** The access with a credential that is waited for. */
  #awaited: { readonly credential: Promise<Credential>; readonly access: Promise<Access> } | undefined;
  #followed: { close(): void } | undefined;
  #failure: { readonly error: Error; readonly at: number } | undefined;
  #isClosed = false;

  constructor(
    name: string,
    follow: FollowEndpoint,
    { metricsOf, voucher, ...options }: ClusterOptions<Metrics>,
  ) {
    this.#name = name;
    this.#follow = follow;
    this.#metricsOf = metricsOf;
    this.voucher = voucher ?? this;
    this.metrics = metricsOf(name);
    this.#accesses = new AccessMaker(options);
  }

  /** Closes a part with the cluster. If the cluster is closed already, the part is closed at once. */
  attach(part: ClusterPart): void {
    this.#parts.push(part);
    if (this.#isClosed) part.close();
  }

  /** Name of the kubeconfig's context, or that of a feature. Empty if only flags define the API server. Also empty for the cluster of `/` before it is open. */
  get name(): string {
    return this.endpoint?.context ?? this.#name;
  }

  get #description(): string {
    if (this.#name === '') return '';
    return `${this.voucher === this ? 'context' : 'cluster'} ${JSON.stringify(this.#name)}`;
  }

  /** Why the configuration could not be used when the cluster was last opened; undefined if it could. */
  get failure(): Error | undefined {
    return this.#failure?.error;
  }

  /** The API server's name in messages: the host of its URL. Empty before the cluster is open. */
  get host(): string {
    return this.endpoint === undefined ? '' : hostOf(this.endpoint.config.server);
  }

  /** Connections for plain requests, including those of former accesses that are still in use. */
  get connections(): { readonly idle: number; readonly active: number } {
    return this.#accesses.connections;
  }

  /**
   * Reads the configuration if it was not read yet. Resolves to the endpoint. Rejects with a ConfigurationError, and then with the same
   * error for one second. All callers that wait share one promise.
   */
  open(): Promise<Endpoint> {
    if (this.endpoint !== undefined) return Promise.resolve(this.endpoint);
    if (this.#failure !== undefined && performance.now() - this.#failure.at < retryInterval) {
      return Promise.reject(this.#failure.error);
    }
    this.#opening ??= this.#read().then(() => this.open());
    return this.#opening;
  }

  async #read(): Promise<void> {
    try {
      if (this.#isClosed) throw new ConfigurationError(['it is no longer in use']);
      const followed = await this.#follow(endpoint => this.replace(endpoint));
      if (this.#isClosed) followed.close();
      this.#followed = followed;
      this.#failure = undefined;
    } catch (thrown) {
      const error =
        thrown instanceof ConfigurationError
          ? new ConfigurationError(thrown.problems, this.#description)
          : thrown;
      this.#failure = { error: error as Error, at: performance.now() };
      throw error;
    } finally {
      this.#opening = undefined;
    }
  }

  /**
   * Finds the access for a request now, and keeps it as the current one if its credential lasts. It is a promise only while the cluster is
   * not open or there is no credential; all callers that wait for the same credential share it. It rejects with a ConfigurationError or a CredentialError. If the endpoint is replaced meanwhile, the access belongs to the new endpoint.
   */
  access(): Access | Promise<Access> {
    const endpoint = this.endpoint;
    if (endpoint === undefined) return this.open().then(() => this.access());
    const credential = endpoint.source.get();
    if (!(credential instanceof Promise)) return this.#keep(endpoint, credential);
    if (this.#awaited?.credential !== credential)
      this.#awaited = { credential, access: this.#accessWith(endpoint, credential) };
    return this.#awaited.access;
  }

  #accessWith(endpoint: Endpoint, credential: Promise<Credential>): Promise<Access> {
    return credential.then(
      late => (endpoint === this.endpoint ? this.#keep(endpoint, late) : this.access()),
      (error: unknown) => {
        // The credential source was replaced and closed during the wait.
        if (endpoint !== this.endpoint) return this.access();
        throw error;
      },
    );
  }

  #keep(endpoint: Endpoint, credential: Credential): Access {
    const access = this.#accesses.of(endpoint, credential);
    this.current = endpoint.source.isLasting ? access : undefined;
    return access;
  }

  async refused(access: Access): Promise<Access | undefined> {
    try {
      await this.endpoint?.source.refused(access.credential);
      const next = await this.access();
      return isSameCredential(next.credential, access.credential) ? undefined : next;
    } catch {
      return undefined;
    }
  }

  /** Sends new requests to this endpoint from now on. */
  replace(endpoint: Endpoint): void {
    const before = this.endpoint;
    this.endpoint = endpoint;
    this.current = undefined;
    this.metrics = this.#metricsOf(this.name);
    if (before !== undefined && before.source !== endpoint.source) before.source.close();
    // The cluster was closed while the configuration was read: the new source must not log in.
    if (this.#isClosed) endpoint.source.close();
    if (before !== undefined) for (const part of this.#parts) part.replaced?.();
    // If a credential is available, this makes the access before the first request needs it.
    const access = this.access();
    if (access instanceof Promise) access.catch(() => {});
  }

  /** Lets open requests end and accepts no new ones. Closes idle connections, and stops following the configuration. */
  close(): void {
    this.#isClosed = true;
    for (const part of this.#parts) part.close();
    this.#followed?.close();
    this.endpoint?.source.close();
    this.#accesses.close();
  }

  /** Like `close`, but also ends every connection. */
  destroy(): void {
    this.close();
    for (const part of this.#parts) part.destroy();
    this.#accesses.destroy();
  }
}
