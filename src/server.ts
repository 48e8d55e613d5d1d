import './request.js';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { createFilter } from './guard/filter.js';
import { createHostGuard } from './guard/host.js';
import { Refusal } from './guard/refusal.js';
import { compileRegexpList, type RegexpList } from './guard/regexp-list.js';
import { parseRequestTarget, type RequestTarget, refuseAmbiguousTarget } from './guard/request-target.js';
import { refuseConnect, refuseUnparsed } from './guard/unparsed.js';
import { refuseUpgradeWithBody } from './guard/upgrade-body.js';
import { parseRequestInfo } from './kubernetes/request-info.js';
import { StatusError } from './kubernetes/status.js';
import type { Health } from './observability/health.js';
import type { Logger } from './observability/logger.js';
import type { Metrics } from './observability/metrics.js';
import { ownEndpoints } from './observability/own-endpoints.js';
import { RequestRecord, uncounted } from './observability/request-record.js';
import type { Options } from './options.js';
import { createDestinationOf, createStripPrefix, ownPrefix } from './proxy/destination.js';
import type { OpenStreams } from './proxy/open-streams.js';
import { proxyPlugin } from './proxy/plugin.js';
import { staticFiles } from './proxy/static-files.js';
import { listenForUpgrades } from './proxy/upgrade-listener.js';
import type { Upstream } from './upstream/upstream.js';
import { UpstreamError } from './upstream/upstream-error.js';

/** Everything that a server is built from; the same for the program and for tests. */
export interface ServerParts {
  readonly options: Options;
  readonly upstream: Upstream;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly logger: Logger;
  readonly openStreams: OpenStreams;
}

/** One judgement on a request, plain or with an upgrade; throws a Refusal. */
type Guard = (request: FastifyRequest) => void;

/** Internal routes: what a request is rewritten to once `destinationOf` has said where it goes. */
const apiRoute = `${ownPrefix}api`;
const noRoute = `${ownPrefix}none`;

/** Slow heads are cut off; bodies and answers may take as long as they like. */
const headersTimeout = 30_000;
/** Longer than what load balancers and connection pools in front keep, so that they seldom meet a closed connection. */
const keepAliveTimeout = 90_000;
/** Bytes of a request's head: 8 KB of URL and a large token many times over. */
const maxHeaderSize = 128 * 1024;

/** Builds the main listener: nothing is bound and nothing is dialled yet. Closing it lets answers finish. */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const { options, upstream, metrics, health, openStreams } = parts;
  const serverPath = options.appendServerPath ? '' : upstream.serverPath;
  const hostGuard = createHostGuard(regexpList(options.acceptHosts));
  const filter = createFilter({
    acceptPaths: regexpList(options.acceptPaths),
    rejectPaths: regexpList(options.rejectPaths),
    rejectMethods: regexpList(options.rejectMethods),
    serverPath,
  });

  // The order in which every request is judged, whatever its destination and whether or not it asks for an upgrade.
  const guards: Guard[] = [
    request => refuseAmbiguousTarget(request.target),
    request => refuseUpgradeWithBody(request.raw),
  ];
  if (!options.disableFilter) {
    guards.push(
      request => hostGuard(request.raw.rawHeaders),
      request => {
        if (isForApi(request)) filter(request.method, request.target);
      },
    );
  }

  const app = createApp(parts);
  const stripPrefix = createStripPrefix(options.apiPrefix);
  app.decorateRequest('target', null as unknown as RequestTarget);
  app.decorateRequest('record', null as unknown as RequestRecord);

  app.addHook('onRequest', (request, reply, done) => {
    const target = parseRequestTarget(
      isForApi(request) ? stripPrefix(request.originalUrl) : request.originalUrl,
    );
    const info = parseRequestInfo(request.method, relativeTo(serverPath, target.path), target.query);
    request.target = target;
    request.record = new RequestRecord(info, isOwn(request) ? uncounted : metrics.requestStarted(info));
    account(parts, request, reply);
    try {
      for (const guard of guards) guard(request);
    } catch (refusal) {
      done(refusal as Error);
      return;
    }
    done();
  });

  app.setErrorHandler((error, request, reply) => {
    const failure = error instanceof StatusError ? error : toStatusError(error as Error);
    request.record.failure = failure;
    reply
      .code(failure.code)
      .headers({ 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' })
      .send(failure.toStatus());
  });
  app.setNotFoundHandler(request => {
    throw new StatusError(404, `${request.target.path} is not served here`);
  });

  await app.register(ownEndpoints, { metrics, health, path: ownPrefix });
  if (options.www !== '') {
    await app.register(staticFiles, { folder: options.www, wwwPrefix: options.wwwPrefix });
  }
  await app.register(proxyPlugin, {
    route: apiRoute,
    appendServerPath: options.appendServerPath,
    context: {
      upstream,
      openStreams,
      requestTimeout: options.requestTimeout,
      keepAlive: options.keepalive,
    },
  });
  listenForUpgrades(app);
  app.server.on('connect', (_request, socket) => {
    metrics.rejected('bad_request');
    refuseConnect(socket as Socket);
  });
  app.addHook('preClose', async () => openStreams.end());
  app.addHook('onClose', async () => upstream.dispatcher.destroy());
  return app;
}

function createApp({ options, metrics }: ServerParts): FastifyInstance {
  const destinationOf = createDestinationOf({
    apiPrefix: options.apiPrefix,
    wwwPrefix: options.www === '' ? undefined : options.wwwPrefix,
  });
  const app = fastify({
    logger: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize, headersTimeout },
    requestTimeout: 0,
    keepAliveTimeout,
    rewriteUrl: request => {
      const url = request.url as string;
      switch (destinationOf(url)) {
        case 'api':
          return apiRoute;
        case 'static':
          return url;
        case 'own':
          return url.startsWith(apiRoute) ? noRoute : url;
        case 'none':
          return noRoute;
      }
    },
    clientErrorHandler: (error, socket) => {
      metrics.rejected('bad_request');
      refuseUnparsed(error, socket as Socket);
    },
  });
  return app;
}

function isForApi(request: FastifyRequest): boolean {
  return request.raw.url === apiRoute;
}

function isOwn({ raw }: FastifyRequest): boolean {
  return raw.url !== apiRoute && raw.url !== noRoute && raw.url?.startsWith(ownPrefix) === true;
}

/** Counts and logs the request when it is over: with its answer, or for an upgrade with its connection. */
function account({ metrics, logger }: ServerParts, request: FastifyRequest, reply: FastifyReply): void {
  const { socket, upgrade } = request.raw;
  const bytesBefore = upgrade ? 0 : socket.bytesWritten;
  const end = () => {
    const { record, target } = request;
    if (record.failure instanceof Refusal) metrics.rejected(record.failure.rejection);
    if (record.failure instanceof UpstreamError) metrics.upstreamError(record.failure.reason);
    if (reply.raw.headersSent) record.answered(reply.raw.statusCode);
    record.end(logger, {
      method: request.method,
      path: target.rawPath,
      remoteAddress: socket.remoteAddress,
      bytes: socket.bytesWritten - bytesBefore,
    });
  };
  if (upgrade) socket.once('close', end);
  else reply.raw.once('close', end);
}

/** The API server's view of a path, which knows nothing of the path of the server's URL before it. */
function relativeTo(serverPath: string, path: string): string {
  return serverPath !== '' && path.startsWith(`${serverPath}/`) ? path.slice(serverPath.length) : path;
}

/** A failure that nobody threw as a Status: Fastify's own 4xx keep their code, all else is a 500 that tells nothing. */
function toStatusError(error: Error & { statusCode?: number }): StatusError {
  const { statusCode = 500 } = error;
  return statusCode >= 400 && statusCode < 500
    ? new StatusError(statusCode, error.message, { cause: error })
    : new StatusError(500, 'internal error in kube-api-proxy; its log has more', { cause: error });
}

/** Options are validated when they are parsed, so a list that does not compile is a bug. */
function regexpList(source: string): RegexpList {
  const compiled = compileRegexpList('list', source);
  if ('problems' in compiled) throw new Error(compiled.problems.join('; '));
  return compiled.list;
}
