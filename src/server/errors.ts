import type { FastifyInstance } from 'fastify';
import { metrics } from '../endpoints/monitoring.js';
import { Rejection } from '../guard/rejection.js';
import { StatusError } from '../kubernetes/status.js';
import { ownPrefix, unknownContextMount } from './mounts.js';

/**
 * Answers every failure, and what is not served here, with a Status object.
 *
 * @param contexts Returns the names of all contexts; undefined if callers are not shown all of them.
 * @param adminPort That of the admin listener, which has the metrics then; undefined if there is none.
 */
export function answerErrors(
  app: FastifyInstance,
  contexts: () => ReadonlySet<string> | undefined,
  adminPort: number | undefined,
): void {
  app.setErrorHandler((error, { context: { record } }, reply) => {
    const failure = error instanceof StatusError ? error : toStatusError(error as Error);
    record.failure = failure;
    if (failure instanceof Rejection) {
      if (failure.endsConnection) reply.header('Connection', 'close');
      reply.headers(failure.headers);
    }
    const { ownAuditId } = record;
    if (ownAuditId !== undefined) reply.header('Audit-ID', ownAuditId);
    if (failure.retryAfterSeconds !== undefined) reply.header('Retry-After', failure.retryAfterSeconds);
    const type = failure.text === undefined ? 'application/json' : 'text/plain; charset=utf-8';
    reply
      .code(failure.code)
      .headers({ 'Content-Type': type, 'Cache-Control': 'no-cache, private' })
      .send(failure.text ?? failure.toStatus());
  });
  app.setNotFoundHandler(({ context: { mount, path } }) => {
    if (mount === unknownContextMount) throw unknownContext(contexts());
    const asked = path.received.path;
    const isElsewhere = adminPort !== undefined && asked === ownPrefix + metrics.name;
    const place = isElsewhere ? `, but as /metrics on the port of --admin-port=${adminPort}` : '';
    throw new StatusError(404, `${asked} is not served here${place}`);
  });
}

/** The list of names is only for callers: the guards have authenticated the caller before this answer. */
function unknownContext(names: ReadonlySet<string> | undefined): StatusError {
  const list =
    names === undefined
      ? '/-/clusters lists those that you are shown'
      : `the clusters are: ${[...names].map(name => JSON.stringify(name)).join(', ')}`;
  return new StatusError(404, `there is no such cluster below /clusters/; ${list}`);
}

/**
 * A failure that was not thrown as a StatusError. Fastify's own 4xx keep their code; any other failure becomes a 500 without its message.
 */
function toStatusError(error: Error & { statusCode?: number }): StatusError {
  const { statusCode = 500 } = error;
  return statusCode >= 400 && statusCode < 500
    ? new StatusError(statusCode, error.message, { cause: error })
    : new StatusError(500, 'internal error in kube-api-proxy; see its log', { cause: error });
}
