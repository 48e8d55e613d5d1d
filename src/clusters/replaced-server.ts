import { StatusError } from '../kubernetes/status.js';
import { type Endpoint, isSameServer } from './endpoint.js';

/**
 * Throws a StatusError of 503 if the API server behind these endpoints is not the same: what one of them answered means nothing at the
 * other. Clients of Kubernetes repeat such a request by themselves (client-go, `rest.WithRetry`).
 */
export function requireSameServer(before: Endpoint, now: Endpoint): void {
  if (!isSameServer(before, now)) throw replacedServer();
}

export function replacedServer(): StatusError {
  const message = 'the API server was replaced by another one while the request waited; try again';
  return new StatusError(503, message, { retryAfterSeconds: 1 });
}
