import type { ClientCertificateOptions } from './certificates/certificates.js';
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

/** The embedded API server of a file's tests. */
export type EmbeddedApiServer = Awaited<ReturnType<typeof embeddedApiServer>>;

/** Starts an embedded API server, which ends with the scope. It has the objects of fake-api-server/seed.ts, and the rights of two-users.ts. */
export async function embeddedApiServer(scope: Scope, options: Omit<FakeApiServerOptions, 'allow'> = {}) {
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
    embedded: server,
    ...{ url, authority, clientCertificate, user: 'admin' },
    /** Asks the API server without the program, to prepare what a test needs. */
    admin,
    /** Fields of a kubeconfig's user that may impersonate and review tokens, and nothing else, and its name. */
    ...{ proxyUser: { token: proxyToken }, proxyName: 'proxy' },
    /** A certificate of a user in system:masters. */
    client: (commonName: string, more?: ClientCertificateOptions) =>
      authority.client({ commonName, ...more }),
    /** Gives rights in all namespaces to a user. */
    async grant(user: string, rules: readonly Rule[]): Promise<void> {
      rights.set(user, [...(rights.get(user) ?? []), ...rules]);
    },
    /** Makes a namespace with a new name. */
    createNamespace: () => createNamespace(admin),
    /** The requests of the file's programs, oldest first. */
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
