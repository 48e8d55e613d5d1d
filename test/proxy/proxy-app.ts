import { createSecureContext } from 'node:tls';
import fastify from 'fastify';
import type { Cluster } from '../../src/clusters/cluster.js';
import { type Endpoint, identityOf } from '../../src/clusters/endpoint.js';
import type { StatusError } from '../../src/kubernetes/status.js';
import type { ProxyContext } from '../../src/proxy/client-request.js';
import { OpenStreams, type StreamFollower } from '../../src/proxy/open-streams.js';
import type { Route } from '../../src/proxy/route.js';
import { listenForUpgrades } from '../../src/proxy/upgrade.js';
import { RequestContext } from '../../src/request/context.js';
import type { Mount } from '../../src/request/mount.js';
import { RequestRecord } from '../../src/request/record.js';
import type { RecordParts } from '../../src/request/recorded-request.js';
import { proxyPlugin } from '../../src/server/api-routes.js';
import { serveHalfClosed } from '../../src/server/listener/connections.js';
import { ConnectionPool } from '../../src/transport/connection-pool.js';
import { createDial } from '../../src/transport/dial/dial.js';
import { listen } from '../support/ports.js';
import { accessTo } from '../support/transport/upstream-requests.js';

/** Plain requests and upgrades to an API server, in this process: no guards, no credentials, and time limits that are short enough for a test. */
export interface ProxyApp {
  readonly port: number;
  /** The targets of the requests that are not complete. */
  readonly open: ReadonlySet<string>;
  close(): Promise<void>;
}

/** Settings of a test. */
export interface ProxyAppOptions {
  /** Port of a plain HTTP server on 127.0.0.1. */
  readonly upstreamPort: number;
  readonly patience: number;
  /** Milliseconds; 0 is no limit. */
  readonly requestTimeout?: number;
  readonly routes?: readonly Route[];
  /** Follows the streams; without it there are no callers. */
  readonly follower?: StreamFollower;
}

/** Starts the server on a free port. */
export async function startProxyApp({
  upstreamPort,
  patience,
  requestTimeout = 0,
  routes = [],
  follower,
}: ProxyAppOptions): Promise<ProxyApp> {
  const config = {
    server: { protocol: 'http:', hostname: '127.0.0.1', port: upstreamPort, path: '' },
    insecureSkipTlsVerify: false,
  } as const;
  const pool = new ConnectionPool(
    createDial({ ...config, secureContext: () => createSecureContext(), keepAlive: 0 }),
  );
  const parts = { context: '', config } as Endpoint;
  const endpoint = { ...parts, identity: identityOf(parts) };
  const access = accessTo(pool, { endpoint: endpoint.identity, host: 'upstream' });
  const metrics = {
    requestStarted: () => ({ opened() {}, ended() {} }),
    credentials: { unauthorized() {} },
    upstreamError() {},
  };
  const cluster = {
    metrics,
    host: 'upstream',
    endpoint,
    access: () => access,
    refused: async () => undefined,
  } as unknown as Cluster;
  const mount: Mount = {
    route: '/api',
    access: 'caller' as const,
    isApi: true,
    isCounted: true,
    namesContext: false,
    relocates: false,
    appendsServerPath: false,
  };
  const openStreams = new OpenStreams();
  if (follower !== undefined) openStreams.addFollower(follower);
  const context = {
    openStreams,
    authenticates: false,
    routes,
    requestTimeout,
    connections: { upgraded() {} },
    keepAlive: 0,
    patience,
  } as unknown as ProxyContext;
  const records = { recorders: [], logRequests: 'none' } as unknown as RecordParts;
  const open = new Set<string>();
  const app = fastify({ rewriteUrl: () => '/api', forceCloseConnections: true });
  serveHalfClosed(app.server, patience);
  app.decorateRequest('context', null as never);
  app.addHook('onRequest', async (request, reply) => {
    const context = new RequestContext(request.raw, reply, {
      mount,
      target: request.originalUrl,
      prefix: '',
      cluster,
    });
    request.context = context;
    context.record = new RequestRecord(context, records);
    if (follower !== undefined) context.caller = { username: 'jane', uid: '', groups: [], extra: new Map() };
    open.add(request.originalUrl);
    context.record.onEnd(() => open.delete(request.originalUrl));
  });
  app.setErrorHandler((error: StatusError, _request, reply) => reply.code(error.code).send(error.toStatus()));
  await app.register(proxyPlugin, { route: '/api', context });
  listenForUpgrades(app, 25_000);
  const port = await listen(app.server);
  await app.ready();
  return {
    port,
    open,
    async close() {
      pool.destroy();
      await app.close();
    },
  };
}
