import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import type {
  CertificateAuthority,
  CertificatePair,
  ClientCertificateOptions,
} from './certificates/certificates.js';
import { eventuallyPasses } from './eventually.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  startFakeApiServer,
} from './fake-api-server/fake-api-server.js';
import { policyOf, type Rule } from './fake-api-server/rbac.js';
import { proxyToken, twoUsersRules } from './identities/two-users.js';
import { ApiClient, adminAgent } from './kube-apiserver/api-client.js';
import { ApiServer, createNamespace, type Location, locationVariable } from './kube-apiserver/api-server.js';
import { AuditLog, type EventUser, type ServerEvent } from './kube-apiserver/audit-log.js';
import type { Scope } from './scope.js';

/** A request that arrived at an API server, as its audit log tells it. */
export interface Arrival {
  readonly method: string;
  /** The request target, byte for byte. */
  readonly target: string;
  readonly userAgent: string | undefined;
  /** Whom the API server takes the sender for. */
  readonly user: EventUser | undefined;
  /** Whom the sender acts as, if the API server lets it. */
  readonly impersonated: EventUser | undefined;
  /** Whether its answer has ended. */
  readonly isOver: boolean;
}

/**
 * The API server of a file's tests: the embedded one in `npm test`, and the run's real one in `npm run test:apiserver`, which runs every
 * test file that imports this module. Both begin with the same objects (fake-api-server/seed.ts) and rights (two-users.ts). The real one has
 * them once for all files, so tests only read them there, and write in namespaces of their own.
 */
export interface AnyApiServer {
  /** https://127.0.0.1:PORT */
  readonly url: string;
  /** The authority of its certificate and of client certificates that it trusts. */
  readonly authority: CertificateAuthority;
  /** Certificate and key of a user in group system:masters. */
  readonly clientCertificate: CertificatePair;
  /** The name of that user, which no other file has. */
  readonly user: string;
  /** Fields of a kubeconfig's user that may impersonate and review tokens, and nothing else. */
  readonly proxyUser: Readonly<Record<string, string>>;
  /** The name of that user. */
  readonly proxyName: string;
  /** Asks the API server without the program, to prepare what a test needs. */
  readonly admin: ApiClient;
  /** The requests of the file's programs, oldest first. */
  arrivals(): Promise<readonly Arrival[]>;
  /** From now on the requests of this user too are among the arrivals. No other file may use its name. */
  follow(user: string): void;
  /** A certificate of a user in system:masters, who is followed. */
  client(commonName: string, options?: ClientCertificateOptions): Promise<CertificatePair>;
  /** Makes a namespace with a new name, which stays. */
  createNamespace(): Promise<string>;
  /** Gives rights in all namespaces to a user. No other file may use its name. */
  grant(user: string, rules: readonly Rule[]): Promise<void>;
  /** The embedded one. Throws if it is a real one, so only tests marked `embedded` use it. */
  readonly embedded: FakeApiServer;
}

const given = process.env[locationVariable];

/** Marks a test of what only the embedded API server can do or show: faults, bytes and headers that arrive. */
export const embedded = { skip: given !== undefined && 'it needs the embedded API server' };

/** Starts the embedded API server, which ends with the scope, or takes the run's real one. */
export async function anyApiServer(
  scope: Scope,
  options: Omit<FakeApiServerOptions, 'allow'> = {},
): Promise<AnyApiServer> {
  if (given !== undefined) return RunApiServer.take(JSON.parse(given) as Location);
  const server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens: { [proxyToken]: { username: 'proxy' } },
    ...options,
  });
  scope.after(() => server.kill());
  return new EmbeddedApiServer(server);
}

class EmbeddedApiServer implements AnyApiServer {
  readonly embedded: FakeApiServer;
  readonly url: string;
  readonly authority: CertificateAuthority;
  readonly clientCertificate: CertificatePair;
  readonly user = 'admin';
  readonly proxyUser = { token: proxyToken };
  readonly proxyName = 'proxy';
  readonly admin: ApiClient;
  readonly #rights = new Map<string, readonly Rule[]>(Object.entries(twoUsersRules));

  constructor(server: FakeApiServer) {
    this.embedded = server;
    this.url = server.url;
    this.authority = server.authority;
    this.clientCertificate = server.clientCertificate;
    this.admin = new ApiClient(server.url, server.authority.certificate, server.clientCertificate);
    server.setPolicy(policyOf(user => this.#rights.get(user)));
  }

  // All users of a file's own server are those of the file.
  follow(): void {}

  client(commonName: string, options: ClientCertificateOptions = {}): Promise<CertificatePair> {
    return this.authority.client({ commonName, ...options });
  }

  async grant(user: string, rules: readonly Rule[]): Promise<void> {
    this.#rights.set(user, [...(this.#rights.get(user) ?? []), ...rules]);
  }

  createNamespace(): Promise<string> {
    return createNamespace(this.admin);
  }

  async arrivals(): Promise<readonly Arrival[]> {
    return arrivalsAt(this.embedded).filter(({ userAgent }) => userAgent !== adminAgent);
  }
}

/** The requests of an embedded API server, oldest first. */
export function arrivalsAt({ requests }: FakeApiServer): readonly Arrival[] {
  return requests.map(({ method, rawUrl, headers, user, impersonated, closedAt }) => ({
    ...{ method, target: rawUrl, userAgent: headers['user-agent']?.toString(), user, impersonated },
    isOver: closedAt !== undefined,
  }));
}

/** The methods of the verbs that RequestInfo gives to requests for resources. */
const methods: Readonly<Record<string, string>> = {
  ...{ get: 'GET', list: 'GET', watch: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH' },
  ...{ delete: 'DELETE', deletecollection: 'DELETE' },
};

type RunUser = 'admin' | 'proxy';
type RunUsers = Readonly<Record<RunUser, string>>;

/** The run's real API server, with users of this file. */
class RunApiServer implements AnyApiServer {
  readonly url: string;
  readonly authority: CertificateAuthority;
  readonly clientCertificate: CertificatePair;
  readonly user: string;
  readonly proxyUser: Readonly<Record<string, string>>;
  readonly proxyName: string;
  readonly admin: ApiClient;
  readonly #grant: ApiServer['grant'];
  readonly #users: Set<string>;
  readonly #log: AuditLog;
  readonly #arrivals = new Map<string, Arrival>();

  private constructor(server: ApiServer, names: RunUsers, pairs: Readonly<Record<RunUser, CertificatePair>>) {
    this.url = server.url;
    this.authority = server.authority;
    this.clientCertificate = pairs.admin;
    this.user = names.admin;
    this.proxyUser = {
      'client-certificate-data': Buffer.from(pairs.proxy.certificate).toString('base64'),
      'client-key-data': Buffer.from(pairs.proxy.key).toString('base64'),
    };
    this.proxyName = names.proxy;
    this.admin = server.admin;
    this.#grant = (user, rules) => server.grant(user, rules);
    this.#users = new Set(Object.values(names));
    const path = server.location.auditLog;
    this.#log = new AuditLog(path, {
      start: statSync(path).size,
      keeps: line => this.#users.has(/"user":\{"username":"([^"]*)"/.exec(line)?.[1] ?? ''),
    });
  }

  static async take(location: Location): Promise<RunApiServer> {
    const server = await ApiServer.at(location);
    const id = randomUUID();
    const names = { admin: `admin-${id}`, proxy: `proxy-${id}` };
    const [admin, proxy] = await Promise.all([
      server.authority.client({ commonName: names.admin }),
      server.authority.client({ commonName: names.proxy, organizations: [] }),
      server.grant(names.proxy, twoUsersRules.proxy),
    ]);
    return new RunApiServer(server, names, { admin, proxy });
  }

  get embedded(): FakeApiServer {
    throw new Error('this is a real API server; mark the test with `embedded`');
  }

  createNamespace(): Promise<string> {
    return createNamespace(this.admin);
  }

  follow(user: string): void {
    this.#users.add(user);
  }

  client(commonName: string, options: ClientCertificateOptions = {}): Promise<CertificatePair> {
    this.follow(commonName);
    return this.authority.client({ commonName, ...options });
  }

  grant(user: string, rules: readonly Rule[]): Promise<void> {
    return this.#grant(user, rules);
  }

  /** Waits until each request that has arrived is being answered: only then its events say whom the sender acts as. */
  arrivals(): Promise<readonly Arrival[]> {
    return eventuallyPasses(async () => {
      await this.#log.read();
      for (const id of this.#log.auditIds) {
        if (this.#arrivals.get(id)?.isOver !== true) this.#arrivals.set(id, toArrival(this.#log.events(id)));
      }
      return [...this.#arrivals.values()].filter(({ userAgent }) => userAgent !== adminAgent);
    });
  }
}

function toArrival(events: readonly ServerEvent[]): Arrival {
  const answering = events.find(({ stage }) => stage !== 'RequestReceived');
  if (answering === undefined) throw new Error(`${events[0]?.requestURI} is not answered`);
  const { verb, objectRef, requestURI: target, userAgent, user, impersonatedUser: impersonated } = answering;
  const method = objectRef === undefined ? verb.toUpperCase() : (methods[verb] ?? verb);
  const isOver = events.some(({ stage }) => stage === 'ResponseComplete');
  return { method, target, userAgent, user, impersonated, isOver };
}
