import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { ownAnswerFields } from '../http/header-fields.js';
import { createStatus } from '../kubernetes/status.js';
import { ownPrefix } from './mounts.js';

const body = JSON.stringify(createStatus(404, 'nothing is served here'));
const fields = [
  ...['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))],
  ...ownAnswerFields,
];

/**
 * Puts what serves requests behind a path that nobody can guess. The path is removed from the target of a request before anything else reads
 * it, so that no guard, log line or event can tell it. What is not below it gets one and the same 404; so do the proxy's own endpoints.
 *
 * @param path Begins with a slash and does not end with one. Only ASCII. If it is empty, there is no such path.
 */
export function createBasePath(path: string): (serve: RequestListener) => RequestListener {
  if (path === '') return serve => serve;
  const expected = Buffer.from(path, 'latin1');
  return serve => (request, response) => {
    if (enters(request, expected)) serve(request, response);
    else response.writeHead(404, fields).end(body);
  };
}

function enters(request: IncomingMessage, expected: Buffer): boolean {
  const url = request.url as string;
  const start = Buffer.from(url.slice(0, expected.length), 'latin1');
  if (start.length !== expected.length || !timingSafeEqual(start, expected)) return false;
  const rest = url.slice(expected.length);
  if (!/^(?:[/?]|$)/.test(rest) || rest.startsWith(ownPrefix)) return false;
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return true;
}
