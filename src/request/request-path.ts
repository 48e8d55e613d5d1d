import { parseRequestInfo, proxySubresource, type RequestInfo } from '../kubernetes/request-info.js';
import { parseRequestTarget, type RequestTarget } from './request-target.js';

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
    const isBelow = serverPath !== '' && path.startsWith(`${serverPath}/`);
    this.info = parseRequestInfo(method, isBelow ? path.slice(serverPath.length) : path, query);
    this.decidedOn = serverPath === '' || isBelow ? this.info : unknown;
    if (serverPath === '') this.api = rawPath;
    else if (rawPath.startsWith(`${serverPath}/`)) this.api = rawPath.slice(serverPath.length);
    // Another spelling of the subresource does not count.
    if (this.api !== undefined && this.info.subresource === 'proxy')
      this.proxied = proxySubresource(this.api);
  }
}
