import type {
  CertificateAuthority,
  CertificatePair,
  ClientCertificateOptions,
} from './certificates/certificates.js';
import {
  type FakeApiServer,
  type FakeApiServerOptions,
  startFakeApiServer,
} from './fake-api-server/fake-api-server.js';
import { policyOf, type Rule } from './fake-api-server/rbac.js';
import { proxyToken, twoUsersRules } from './identities/two-users.js';
import { ApiClient, adminAgent } from './kube-apiserver/api-client.js';
import { createNamespace } from './kube-apiserver/api-server.js';
import type { EventUser } from './kube-apiserver/audit-log.js';
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

/** The API server of a file's tests: an embedded one, or the real one of `any-api-server.ts`. */
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

/** Starts an embedded API server, which ends with the scope. It has the objects of fake-api-server/seed.ts, and the rights of two-users.ts. */
export async function embeddedApiServer(
  scope: Scope,
  options: Omit<FakeApiServerOptions, 'allow'> = {},
): Promise<AnyApiServer> {
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
