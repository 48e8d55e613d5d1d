import { createServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { Authentication } from '../authentication/authentication.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import { createShownTo, type ShowClusters } from '../clusters/shown.js';
import type { OwnEndpointParts, ServedOwnEndpoint } from '../endpoints/own-endpoint.js';
import { staticFiles } from '../endpoints/static-files.js';
import type { GuardChain, GuardOptions } from '../guard/chain.js';
import { sandboxesProxiedPages } from '../guard/proxied-page.js';
import { noSniff } from '../http/header-fields.js';
import type { Listener } from '../http/listener.js';
import type { Clock } from '../lib/clock.js';
import { createRequestLines, type Logger } from '../observability/log/logger.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import type { CreateFollower, OpenStreams } from '../proxy/open-streams.js';
import type { CreateRoute, OpenCallers } from '../proxy/route.js';
import { listenForUpgrades } from '../proxy/upgrade.js';
import { RequestContext } from '../request/context.js';
import type { Destination } from '../request/mount.js';
import { RequestRecord } from '../request/record.js';
import type { RecordParts } from '../request/recorded-request.js';
import type { MissingRights } from '../reviews/missing-rights.js';
import type { Reviews } from '../reviews/reviews.js';
import { addressFor, createClientAddress } from './addresses.js';
import { schemaless } from './admin-server.js';
import { proxyPlugin, routedMethods } from './api-routes.js';
import { answerErrors } from './errors.js';
import { isAnswered, isDeparture, refuseBadRequest, refuseRequest } from './listener/client-error.js';
import { clientPatience, serveHalfClosed, trackConnections } from './listener/connections.js';
import { inTurn, outlives } from './listener/pipelining.js';
import { apiRoute, createApiPaths, createBasePath, createMounts, filesMount, ownPrefix } from './mounts.js';
import { createRechecks, openCallers } from './recheck.js';

/** The options that the server and its guards read. */
type ServerOptions = GuardOptions & {
  readonly apiPrefix: string;
  /** Without a final slash; may be empty. */
  readonly publicUrl: string;
  readonly adminPort: number | undefined;
  /** Path of a folder; empty to serve none. */
  readonly www: string;
  readonly wwwPrefix: string;
  readonly appendServerPath: boolean;
  readonly trustedProxies: readonly string[];
  /** Milliseconds, as `keepalive`; 0 turns it off. */
  readonly requestTimeout: number;
  readonly keepalive: number;
  readonly logRequests: RecordParts['logRequests'];
};

/** Everything that a server is built from, in the program and in tests. */
export interface ServerParts {
  readonly options: ServerOptions;
  readonly registry: ClusterRegistry;
  readonly clusterStates: OwnEndpointParts['clusterStates'];
  /** Undefined if every caller is shown all clusters. */
  readonly showClusters: ShowClusters | undefined;
  /** What the proxy itself answers, in the order of the index. */
  readonly endpoints: readonly ServedOwnEndpoint[];
  readonly metrics: Metrics;
  readonly guards: GuardChain;
  readonly health: OwnEndpointParts['health'];
  readonly logger: Logger;
  readonly openStreams: OpenStreams;
  /** Undefined for plain HTTP. */
  readonly listener: Listener | undefined;
  /** Undefined if callers are not authenticated; then everyone acts as the kubeconfig's user. */
  readonly authentication: Authentication | undefined;
  readonly callerEntries: OwnEndpointParts['callerEntries'];
  readonly issuers: OwnEndpointParts['issuers'];
  readonly recorders: RecordParts['recorders'];
  /** They are asked in this order. */
  readonly routes: readonly CreateRoute[];
  readonly followers: readonly CreateFollower[];
  readonly refusedGroups: RecordParts['refusedGroups'];
  readonly reviews: Reviews;
  readonly missingRights: MissingRights;
  readonly clock: Clock;
  /** The path that the whole listener is behind, as `createBasePath` takes it; empty for none. */
  readonly basePath: string;
}

/** Maximum milliseconds for a request's head. Bodies and answers have no limit. */
const headersTimeout = 30_000;
/** Milliseconds between Node's checks for slow heads. */
const connectionsCheckingInterval = 2_000;
/**
 * Milliseconds. Longer than load balancers and connection pools in front of the proxy keep idle connections, so that they seldom use a
 * closed one.
 */
const keepAliveTimeout = 90_000;
/** Maximum bytes of a request's head: 8 KB of URL, and a large token many times over. */
const maxHeaderSize = 128 * 1024;

/** Requests over HTTP/2 may have other methods. */
const methods: ReadonlySet<string> = new Set(routedMethods);

/** Builds the main listener. It does not listen or connect to anything yet. Closing it lets answers finish. */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const { options, registry, guards, metrics, openStreams, authentication, showClusters } = parts;
  const authenticates = authentication !== undefined;
  const { logger, recorders, refusedGroups } = parts;
  const records: RecordParts = {
    ...{ logger, recorders, refusedGroups },
    logRequests: options.logRequests,
    writeLine: createRequestLines(logger),
    nowhere: metrics.ofCluster(''),
    isClosing: false,
  };
  const behindBasePath = createBasePath(parts.basePath);
  const destinationOf = createDestinations(parts);
  const clientAddress = createClientAddress(options.trustedProxies);
  const app = createApp(parts, behindBasePath, destinationOf);
  app.decorateRequest('context', null as unknown as RequestContext);

  app.addHook('onRequest', ({ raw }, reply, done) => {
    const request = new RequestContext(raw, reply, raw.destination as Destination);
    request.clientAddress = clientAddress?.(raw);
    reply.request.context = request;
    request.record = new RequestRecord(request, records);
    // For what the proxy answers itself.
    reply.header(...noSniff);
    guards.judge(request, done);
  });
  // Answers of the API server are sent without Fastify, and with these fields already.
  app.addHook('onSend', (request, reply, payload, done) => {
    // Fastify answers a request that it cannot route before the other hook.
    const context = request.context as RequestContext | null;
    const fields = context?.answerHeaders ?? [];
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index] as string;
      const before = reply.getHeader(name);
      if (before === undefined) reply.header(name, fields[index + 1]);
      // Caches keep apart what both say.
      else if (name === 'Vary') reply.header(name, `${before}, ${fields[index + 1]}`);
    }
    done(null, authentication?.strangers.counted(request.raw, reply, payload) ?? payload);
  });

  answerErrors(app, () => (showClusters === undefined ? registry.names : undefined), options.adminPort);

  const callers = followCallers(parts);
  const routes = parts.routes.flatMap(create => create(callers) ?? []);
  const { endpoints, health, clusterStates, listener, callerEntries, issuers } = parts;
  const apiPaths = createApiPaths(options, registry);
  const sandboxes = sandboxesProxiedPages(options, authentication);
  const tokenRules = {
    sandboxesProxiedPages: sandboxes,
    // Without authentication a caller's token goes to the API server as it is.
    sharesTokens: authenticates && !callerEntries().some(({ isPerCluster }) => isPerCluster),
  };
  for (const { name, create } of endpoints) {
    app.get(
      ownPrefix + name,
      create({
        metrics,
        health,
        // What readyz says to callers alone may name any cluster.
        isCaller: async request => showClusters === undefined && knows(authentication, request),
        clusterStates,
        shownTo: createShownTo(showClusters, registry),
        apiPaths,
        registry,
        tokenRules,
        addressFor: request => addressFor(request, options),
        certificate: () => listener?.certificate,
        callerEntries,
        issuers,
        served: endpoints,
        destinationOf,
        rejectionOf: operation => guards.rejectionOf(operation),
        reviews: parts.reviews,
        missingRights: parts.missingRights,
        noteOn: operation => routes.flatMap(route => route.noteOn?.(operation) ?? [])[0],
      }),
    );
  }
  if (options.www !== '') {
    await app.register(staticFiles, {
      folder: options.www,
      wwwPrefix: options.wwwPrefix,
      route: filesMount.route,
    });
  }
  await app.register(proxyPlugin, {
    route: apiRoute,
    context: {
      openStreams,
      connections: metrics.connections,
      authenticates,
      missingRights: parts.missingRights,
      sandboxesProxiedPages: sandboxes,
      routes,
      requestTimeout: options.requestTimeout,
      keepAlive: options.keepalive,
      patience: clientPatience,
    },
  });
  const routing = behindBasePath((request, response) => app.routing(request, response));
  listenForUpgrades({ server: app.server, routing }, clientPatience, authentication?.strangers);
  const connections = trackConnections(app.server, openStreams);
  app.addHook('preClose', async () => {
    records.isClosing = true;
    openStreams.end();
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  });
  return app;
}

/** Lets features follow the open streams. Undefined if callers are not authenticated. */
function followCallers(parts: ServerParts): OpenCallers | undefined {
  const rechecks = createRechecks(parts);
  const followers = parts.followers.map(create => create(rechecks?.isStillKnown));
  for (const follower of followers) parts.openStreams.addFollower(follower);
  if (rechecks === undefined) return undefined;
  return openCallers(rechecks, followers.some(({ endsAtExpiry }) => endsAtExpiry) ? parts.clock : undefined);
}

/** Whether a request has a valid credential. An invalid one, or one that cannot be checked, is as good as none. */
async function knows(authentication: Authentication | undefined, request: RequestContext): Promise<boolean> {
  if (authentication === undefined) return true;
  try {
    return (await authentication.identify(request)) !== undefined;
  } catch {
    return false;
  }
}

function createDestinations({ options, registry, endpoints, basePath }: ServerParts) {
  const wwwPrefix = options.www === '' ? undefined : options.wwwPrefix;
  return createMounts({ ...options, wwwPrefix, basePath }, registry, endpoints);
}

function createApp(
  { options, metrics, listener, authentication }: ServerParts,
  behindBasePath: (serve: RequestListener) => RequestListener,
  destinationOf: (rawUrl: string) => Destination,
): FastifyInstance {
  const http = {
    maxHeaderSize,
    headersTimeout,
    connectionsCheckingInterval,
    requireHostHeader: false,
    // Without TCP keep-alive, a client that has silently gone would keep its quiet watch open for ever.
    keepAlive: options.keepalive > 0,
    keepAliveInitialDelay: options.keepalive,
  };
  const serverFactory = (handler: RequestListener) => {
    const handle: RequestListener = (request, response) => {
      if (methods.has(request.method as string)) {
        handler(request, response);
        return;
      }
      metrics.rejected('bad_request');
      // Only over HTTP/2.
      refuseRequest(response, 400, 'the request method is not supported');
    };
    const ordered = inTurn(behindBasePath(handle));
    const serve = authentication?.strangers.counting(ordered) ?? ordered;
    const server = createServer({ ...http, requestTimeout: 0, keepAliveTimeout }, serve);
    serveHalfClosed(server);
    listener?.serve(server, { patience: clientPatience, authenticates: authentication !== undefined });
    return server;
  };
  return fastify({
    logger: false,
    schemaController: schemaless,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    serverFactory,
    rewriteUrl(request) {
      const destination = destinationOf(request.url as string);
      request.destination = destination;
      return destination.mount.route;
    },
    clientErrorHandler: (error, socket) => {
      if (isAnswered(socket as Socket) || outlives(socket as Socket, error)) return;
      if (!isDeparture(error)) metrics.rejected('bad_request');
      refuseBadRequest(error, socket as Socket);
    },
  });
}
