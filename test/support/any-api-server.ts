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
  if (given !== undefined) return takeRunApiServer(JSON.parse(given) as Location);
  const server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens: { [proxyToken]: { username: 'proxy' } },
    ...options,
  });
  scope.after(() => server.kill());
  const { url, authority, clientCertificate } = server;
  const admin = new ApiClient(url, authority.certificate, clientCertificate);
  const rights = new Map<string, readonly Rule[]>(Object.entries(twoUsersRules));
  server.setPolicy(policyOf(user => rights.get(user)));
  return {
    ...{ embedded: server, url, authority, clientCertificate, admin },
    ...{ user: 'admin', proxyUser: { token: proxyToken }, proxyName: 'proxy' },
    // All users of a file's own server are those of the file.
    follow() {},
    client: (commonName, more) => authority.client({ commonName, ...more }),
    async grant(user, rules) {
      rights.set(user, [...(rights.get(user) ?? []), ...rules]);
    },
    createNamespace: () => createNamespace(admin),
    arrivals: async () => arrivalsAt(server).filter(({ userAgent }) => userAgent !== adminAgent),
  };
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

/** The run's real API server, with users of this file. */
async function takeRunApiServer(location: Location): Promise<AnyApiServer> {
  const server = await ApiServer.at(location);
  const { url, authority, admin } = server;
  const [user, proxyName] = [`admin-${randomUUID()}`, `proxy-${randomUUID()}`];
  const [clientCertificate, proxy] = await Promise.all([
    authority.client({ commonName: user }),
    authority.client({ commonName: proxyName, organizations: [] }),
    server.grant(proxyName, twoUsersRules.proxy),
  ]);
  const users = new Set([user, proxyName]);
  const log = new AuditLog(location.auditLog, {
    start: statSync(location.auditLog).size,
    keeps: line => users.has(/"user":\{"username":"([^"]*)"/.exec(line)?.[1] ?? ''),
  });
  const known = new Map<string, Arrival>();
  return {
    ...{ url, authority, clientCertificate, admin, user, proxyName },
    proxyUser: {
      'client-certificate-data': Buffer.from(proxy.certificate).toString('base64'),
      'client-key-data': Buffer.from(proxy.key).toString('base64'),
    },
    get embedded(): FakeApiServer {
      throw new Error('this is a real API server; mark the test with `embedded`');
    },
    follow: name => void users.add(name),
    client(commonName, options) {
      users.add(commonName);
      return authority.client({ commonName, ...options });
    },
    grant: (name, rules) => server.grant(name, rules),
    createNamespace: () => createNamespace(admin),
    /** Waits until each request that has arrived is being answered: only then its events say whom the sender acts as. */
    arrivals: () =>
      eventuallyPasses(async () => {
        await log.read();
        for (const id of log.auditIds)
          if (known.get(id)?.isOver !== true) known.set(id, toArrival(log.events(id)));
        return [...known.values()].filter(({ userAgent }) => userAgent !== adminAgent);
      }),
  };
}

function toArrival(events: readonly ServerEvent[]): Arrival {
  const answering = events.find(({ stage }) => stage !== 'RequestReceived');
  if (answering === undefined) throw new Error(`${events[0]?.requestURI} is not answered`);
  const { verb, objectRef, requestURI: target, userAgent, user, impersonatedUser: impersonated } = answering;
  const method = objectRef === undefined ? verb.toUpperCase() : (methods[verb] ?? verb);
  const isOver = events.some(({ stage }) => stage === 'ResponseComplete');
  return { method, target, userAgent, user, impersonated, isOver };
}
