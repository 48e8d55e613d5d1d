import { StatusError } from '../kubernetes/status.js';
import { type Endpoint, isSameServer } from './endpoint.js';

/**
 * Throws a StatusError of 503 if the two endpoints do not have the same API server: an answer from one is not valid for the other.
 * Kubernetes clients retry such a request automatically (client-go, `rest.WithRetry`).
 */
export function requireSameServer(before: Endpoint, now: Endpoint): void {
  if (!isSameServer(before, now)) throw replacedServer();
}

export function replacedServer(): StatusError {
  const message = 'the API server was replaced by another one while the request waited; try again';
  return new StatusError(503, message, { retryAfterSeconds: 1 });
}
