import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type CertificateAuthority,
  type CertificatePair,
  type ServerIdentity,
  serverIdentity,
} from '../certificates/certificates.js';
import { authenticate, impersonate } from './authentication.js';
import { forbidden, isAllowed, type Policy } from './authorization.js';
import { type Cluster, createCluster, type FakeApiServerOptions } from './cluster.js';
import { type Exchange, sendFailure, setCommonHeaders } from './exchange.js';
import { Listener } from './listener.js';
import { serveNonResource } from './non-resource.js';
import type { KubeObject, ObjectMeta } from './objects.js';
import { readAttributes, splitTarget } from './request-attributes.js';
import { type LiveRecord, RequestLog, type RequestRecord } from './request-log.js';
import { serveResource } from './resource.js';

export type { FakeApiServerOptions } from './cluster.js';
export type { RequestRecord } from './request-log.js';

/** Answers a request itself and returns true, or returns false to leave it to the server. The body is unread and no header is set. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** The same for a request with an Upgrade header. If it returns true, it owns the socket. */
export type UpgradeInterceptor = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;

/** A Kubernetes API server in this process: TLS on 127.0.0.1, objects in memory, a record of every request. */
export class FakeApiServer {
  /** The authority of the server's certificate and of client certificates that the server trusts. */
  readonly authority: CertificateAuthority;
  /** Certificate and key of user admin in group system:masters. */
  readonly clientCertificate: CertificatePair;
  readonly #options: FakeApiServerOptions;
  readonly #cluster: Cluster;
  readonly #log: RequestLog;
  readonly #listener: Listener;
  readonly #interceptors: Interceptor[] = [];
  readonly #upgradeInterceptors: UpgradeInterceptor[] = [];
  #serverCertificate: CertificatePair;
  #port = 0;

  private constructor(options: FakeApiServerOptions, identity: ServerIdentity) {
    this.authority = identity.authority;
    this.clientCertificate = identity.clientCertificate;
    this.#serverCertificate = identity.serverCertificate;
    this.#options = options;
    this.#log = new RequestLog(options.requestLogLimit ?? 10_000);
    this.#cluster = createCluster(options);
    this.#listener = new Listener({
      request: (request, response) => this.#request(request, response),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    });
  }

  static async start(options: FakeApiServerOptions): Promise<FakeApiServer> {
    const identity = await serverIdentity(options);
    const server = new FakeApiServer(options, identity);
    await server.#listen();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** https://127.0.0.1:PORT */
  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Requests so far, oldest first. A record changes until its request is closed. */
  get requests(): readonly RequestRecord[] {
    return this.#log.records;
  }

  /** The watches among the requests, even those that have ended; openWatches has only the open ones. */
  get watches(): readonly RequestRecord[] {
    return this.requests.filter(({ method, rawUrl }) => readAttributes(method, rawUrl).verb === 'watch');
  }

  get openWatches(): readonly RequestRecord[] {
    return this.watches.filter(({ closedAt }) => closedAt === undefined);
  }

  /** TCP connections open now, upgraded ones included. */
  get connections(): number {
    return this.#listener.connections;
  }

  /** TCP connections accepted since the start, failed TLS handshakes included. */
  get connectionsAccepted(): number {
    return this.#listener.accepted;
  }

  /** The first past or future request that matches; rejects if none comes. */
  waitForRequest(matches: (record: RequestRecord) => boolean): Promise<RequestRecord> {
    return this.#log.waitFor(matches);
  }

  /** Calls `interceptor` before everything else, the last added first. Returns a function that removes it. */
  intercept(interceptor: Interceptor): () => void {
    return addFirst(this.#interceptors, interceptor);
  }

  /** Calls `interceptor` first for requests with an Upgrade header. Returns a function that removes it. */
  interceptUpgrade(interceptor: UpgradeInterceptor): () => void {
    return addFirst(this.#upgradeInterceptors, interceptor);
  }

  /** Drops the watch history: watches and continued lists from before now get 410. */
  compact(): void {
    this.#cluster.store.compact();
  }

  /** Creates or replaces an object without HTTP and its checks, and returns it with its new version. Throws for an unknown kind. */
  write(object: KubeObject): KubeObject {
    return this.#cluster.store.write(this.#cluster.api.of(object), object);
  }

  /** Removes an object in the same way. */
  remove(object: KubeObject): void {
    const { namespace = '', name = '' } = object.metadata;
    this.#cluster.store.remove(this.#cluster.api.of(object), namespace, name);
  }

  /** A stored object; undefined if there is none. */
  read(apiVersion: string, kind: string, { namespace = '', name = '' }: ObjectMeta): KubeObject | undefined {
    return this.#cluster.store.get(this.#cluster.api.of({ apiVersion, kind }), namespace, name);
  }

  /** All objects of a kind, or those of one namespace. */
  list(apiVersion: string, kind: string, namespace = ''): readonly KubeObject[] {
    return this.#cluster.store.list(this.#cluster.api.of({ apiVersion, kind }), namespace);
  }

  /** resourceVersion of the latest change. */
  get version(): number {
    return this.#cluster.store.version;
  }

  /** Decides from now on about users outside system:masters; open watches continue. */
  setPolicy(policy: Policy): void {
    this.#cluster.policy = policy;
  }

  /** Adds a line to a pod's log; followers get it at once. Throws if there is no such pod. */
  appendLog(namespace: string, pod: string, line: string): void {
    const found = this.#cluster.store.get({ group: '', resource: 'pods' }, namespace, pod);
    if (!found) throw new Error(`no pod ${namespace}/${pod}`);
    this.#cluster.logs.append(found.metadata.uid ?? '', line);
  }

  /** Ends watches and log streams cleanly, like an API server in a rolling restart, and continues. */
  endWatches(): void {
    this.#cluster.lifecycle.emit('stop');
  }

  /** Cuts every connection immediately, and continues. */
  cut(): void {
    this.#listener.cut();
  }

  /** Sends GOAWAY to each HTTP/2 connection, like `--goaway-chance`: its streams continue. */
  goAway(): void {
    this.#listener.goAway();
  }

  /** Stops listening, ends watches and log streams, lets other requests finish, cuts upgraded connections. */
  async close(): Promise<void> {
    const closed = this.#listener.close();
    this.#cluster.isStopping = true;
    this.#cluster.lifecycle.emit('stop');
    await closed;
  }

  /** Stops listening and cuts every connection immediately, like a killed process. */
  async kill(): Promise<void> {
    await this.#listener.kill();
    this.#cluster.lifecycle.emit('stop');
  }

  /**
   * Kills the server if it runs, and listens again on the same port with the same objects, and with the same certificate
   * unless there is a new one.
   */
  async restart(serverCertificate = this.#serverCertificate): Promise<void> {
    await this.kill();
    this.#serverCertificate = serverCertificate;
    await this.#listen();
  }

  async #listen(): Promise<void> {
    const { clientCertificates = 'required', tls = {} } = this.#options;
    const { certificate: cert, key } = this.#serverCertificate;
    this.#cluster.isStopping = false;
    this.#port = await this.#listener.listen(this.#port, {
      ...tls,
      cert,
      key,
      ca: this.authority.certificate,
      requestCert: clientCertificates !== 'none',
      rejectUnauthorized: clientCertificates === 'required',
    });
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const record = this.#log.add(request, response, false);
    void this.#serve(request, response, { record, upgrade: undefined });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const response = new ServerResponse(request);
    const record = this.#log.add(request, response, true);
    if (this.#upgradeInterceptors.some(interceptor => interceptor(request, socket, head))) return;
    // A rejection uses the same code as any other answer. A handler that upgrades detaches the socket again.
    response.assignSocket(request.socket);
    response.shouldKeepAlive = false;
    response.once('finish', () => socket.end());
    void this.#serve(request, response, { record, upgrade: { socket, head } });
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    arrival: { readonly record: LiveRecord; readonly upgrade: Exchange['upgrade'] },
  ): Promise<void> {
    request.on('error', () => {});
    response.on('error', () => {});
    try {
      for (const interceptor of [...this.#interceptors]) {
        if (await interceptor(request, response)) return;
      }
      await this.#answer(request, response, arrival);
    } catch (error) {
      sendFailure({ request, response }, error);
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { record, upgrade }: { readonly record: LiveRecord; readonly upgrade: Exchange['upgrade'] },
  ): Promise<void> {
    const { tokens, policy } = this.#cluster;
    const { method = 'GET', url = '/' } = request;
    setCommonHeaders(response);
    if (upgrade) response.setHeader('Connection', 'close');
    const attributes = readAttributes(method, url);
    const authenticated = authenticate(request, tokens);
    record.user = authenticated;
    const user = impersonate(request, authenticated, question => {
      if (!isAllowed(policy, authenticated, question)) throw forbidden(authenticated, question);
    });
    if (user !== authenticated) record.impersonated = user;
    if (!isAllowed(policy, user, attributes)) throw forbidden(user, attributes);
    const exchange = { request, response, query: splitTarget(url).query, attributes, user, upgrade };
    if (attributes.isResourceRequest) await serveResource(this.#cluster, exchange);
    else serveNonResource(this.#cluster, exchange);
  }
}

function addFirst<T>(list: T[], item: T): () => void {
  list.unshift(item);
  return () => {
    const index = list.indexOf(item);
    if (index >= 0) list.splice(index, 1);
  };
}

/** Starts an embedded API server; stop it with close() or kill(). */
export function startFakeApiServer(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
  return FakeApiServer.start(options);
}
