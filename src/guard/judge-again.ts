import type { FastifyRequest } from 'fastify';
import { StatusError } from '../kubernetes/status.js';
import { type Endpoint, isSameServer } from '../upstream/upstream.js';
import { refuseImpersonation } from './impersonation.js';

/**
 * Judges a request again that waited for a credential, or was answered 401, while its endpoint was replaced by this one. Throws a Refusal for a
 * client's own impersonation where the proxy impersonates now. Where the API server is another one, or has another path, the
 * rules have read the path as the former one would, and that one may have said who the caller is: a 503, which clients of Kubernetes
 * repeat by themselves (client-go, `rest.WithRetry`).
 */
export function judgeAgain({ endpoint: before, raw }: FastifyRequest, endpoint: Endpoint): void {
  if (endpoint.config.impersonation !== undefined) refuseImpersonation(raw.rawHeaders);
  if (isSameServer(before, endpoint)) return;
  const message = 'the API server was replaced by another one while the request waited; try again';
  throw new StatusError(503, message, { retryAfterSeconds: 1 });
}
