import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { type AnyApiServer, type Arrival, embeddedApiServer } from './embedded-api-server.js';
import { eventuallyPasses } from './eventually.js';
import type { FakeApiServer, FakeApiServerOptions } from './fake-api-server/fake-api-server.js';
import { twoUsersRules } from './identities/two-users.js';
import { adminAgent } from './kube-apiserver/api-client.js';
import { ApiServer, createNamespace, type Location, locationVariable } from './kube-apiserver/api-server.js';
import { AuditLog, type ServerEvent } from './kube-apiserver/audit-log.js';
import type { Scope } from './scope.js';

const given = process.env[locationVariable];

/** Marks a test of what only the embedded API server can do or show: faults, bytes and headers that arrive. */
export const embedded = { skip: given !== undefined && 'it needs the embedded API server' };

/**
 * The API server of a file's tests: the embedded one in `npm test`, and the run's real one in `npm run test:apiserver`, which runs every
 * test file that imports this module. Both begin with the same objects and rights. The real one has them once for all files, so tests only
 * read them there, and write in namespaces of their own.
 */
export async function anyApiServer(
  scope: Scope,
  options: Omit<FakeApiServerOptions, 'allow'> = {},
): Promise<AnyApiServer> {
  return given === undefined
    ? embeddedApiServer(scope, options)
    : takeRunApiServer(JSON.parse(given) as Location);
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
    grant: async (name, rules) => void (await server.grant(name, rules)),
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
