import { unescapedText } from '../http/percent-encoding.js';
import { hasTooManyParameters, mostParameters } from '../kubernetes/query.js';
import { parseRequestInfo, proxySubresource, type RequestInfo } from '../kubernetes/request-info.js';

/** A request target in origin-form (RFC 9112, section 3.2.1), as sent and as the API server reads it. */
export interface RequestTarget {
  /** Path and query as sent. They go upstream unchanged. */
  readonly raw: string;
  /** Path as sent, still percent-encoded. */
  readonly rawPath: string;
  /**
   * Path decoded once. This is net/http's `URL.Path`, on which the API server acts. Each byte that is not UTF-8 becomes U+FFFD, as Go's
   * regexp reads it. Empty if the target is ambiguous.
   */
  readonly path: string;
  /** Query as sent, without its question mark; empty if there is none. */
  readonly query: string;
  /** Why two programs could read the target differently; undefined if they could not. */
  readonly ambiguity: string | undefined;
}

const dotSegment = /[/\\]\.{1,2}(?:[/\\]|$)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression searches for them
const control = /[\x00-\x1f\x7f]/;

/** Splits a request target and decodes its path. Never throws: `ambiguity` says why a target has more than one reading. */
export function parseRequestTarget(raw: string): RequestTarget {
  const mark = raw.indexOf('?');
  const rawPath = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? '' : raw.slice(mark + 1);
  const { path, ambiguity } = decode(rawPath, query);
  return { raw, rawPath, path, query, ambiguity };
}

function decode(rawPath: string, query: string): Pick<RequestTarget, 'path' | 'ambiguity'> {
  const path = unescapedText(rawPath);
  if (hasTooManyParameters(query))
    return ambiguous(
      `the query has more than ${mostParameters} parameters; some API servers then ignore all of them`,
    );
  if (!rawPath.startsWith('/'))
    return ambiguous('the request target is not a path; send it as in "GET /api HTTP/1.1"');
  if (rawPath.includes('\\')) return ambiguous('the path contains a backslash; send it as %5C');
  if (rawPath.includes('#')) return ambiguous('the path contains a fragment; send # as %23');
  if (path === undefined)
    return ambiguous('the path contains a % without two hexadecimal digits after it; send it as %25');
  if (control.test(path)) return ambiguous('the path contains a control character');
  if (dotSegment.test(path))
    return ambiguous('the path contains a "." or ".." segment; send the path that it stands for');
  return { path, ambiguity: undefined };
}

function ambiguous(ambiguity: string): Pick<RequestTarget, 'path' | 'ambiguity'> {
  return { path: '', ambiguity };
}

/** What the rules decide on if nothing says what a path is about. No rule lets it pass. */
const unknown = parseRequestInfo('', '\\', '');

/** What a path is made of: the target as received, without the mount's prefix, and the path of the server's URL if clients send that. */
export interface PathParts {
  readonly method: string;
  readonly received: string;
  readonly target: string;
  readonly prefix: string;
  readonly serverPath: string;
}

/**
 * The path of one request, in each form that the program needs. For example `GET /clusters/dev/k8s/api/v1/namespaces/a/pods?limit=9`, if
 * clients send the path `/k8s` of the server's URL:
 *
 * | property | what it is | in the example |
 * |---|---|---|
 * | `received` | as the client sent it | `/clusters/dev/k8s/api/v1/namespaces/a/pods?limit=9` |
 * | `prefix` | the mount's prefix, as the client spelled it | `/clusters/dev` |
 * | `forServer` | what the API server gets | `/k8s/api/v1/namespaces/a/pods?limit=9` |
 * | `serverPath` | path of the server's URL | `/k8s` |
 * | `api` | the path below it, as sent | `/api/v1/namespaces/a/pods` |
 * | `proxied` | the start of `api` up to the slash after a proxy subresource | undefined |
 * | `info` | what it is about, for metrics and logs | list pods in a |
 * | `decidedOn` | what the rules decide on | the same |
 *
 * A path that is not below `/k8s` may lead to another API server: `api` is undefined then, and `decidedOn` is what no rule lets pass.
 */
export class RequestPath {
  /** Answers to unauthenticated callers depend on this alone, because `forServer` reveals whether the prefix names a context. */
  readonly received: RequestTarget;
  readonly prefix: string;
  readonly forServer: RequestTarget;
  readonly serverPath: string;
  readonly info: RequestInfo;
  readonly decidedOn: RequestInfo;
  readonly api: string | undefined;
  readonly proxied: string | undefined;

  constructor({ method, received, target, prefix, serverPath }: PathParts) {
    this.prefix = prefix;
    this.serverPath = serverPath;
    this.forServer = parseRequestTarget(target);
    this.received = received === target ? this.forServer : parseRequestTarget(received);
    const { path, rawPath, query } = this.forServer;
    const isBelow = path.startsWith(`${serverPath}/`);
    this.info = parseRequestInfo(method, isBelow ? path.slice(serverPath.length) : path, query);
    this.decidedOn = isBelow ? this.info : unknown;
    if (!rawPath.startsWith(`${serverPath}/`)) return;
    this.api = rawPath.slice(serverPath.length);
    this.proxied = proxySubresource(this.api);
  }
}
