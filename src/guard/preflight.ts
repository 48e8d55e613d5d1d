import type { RequestContext } from '../request/context.js';

/** What a guard gives that has answered the request itself. */
export const answered = Symbol('answered');

/** Puts fields on whatever the answer will be: one of this program's own, or the API server's, which is written past the reply. */
export function addAnswerHeaders(request: RequestContext, headers: readonly string[]): void {
  request.answerHeaders = [...(request.answerHeaders ?? []), ...headers];
  for (let index = 0; index < headers.length; index += 2) {
    request.reply.header(headers[index] as string, headers[index + 1]);
  }
}

/**
 * Answers what a browser asks before a request from an allowed origin (Fetch, "CORS-preflight fetch"): like the API server, with 204 to every
 * OPTIONS, and before anybody is asked who they are, since browsers send no credentials with it. It never goes upstream.
 */
export function answerPreflight({ raw, reply }: RequestContext): typeof answered | undefined {
  if (raw.method !== 'OPTIONS' || !reply.hasHeader('Access-Control-Allow-Origin')) return undefined;
  reply.code(204).send();
  return answered;
}
