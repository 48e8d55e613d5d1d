import { isAllowed } from '../clusters/access-review.js';
import type { Session } from '../clusters/endpoint.js';
import { replacedServer } from '../clusters/replaced-server.js';
import type { WatchToShare } from '../clusters/watching-request.js';
import { withoutField } from '../http/header-fields.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import { queryValue } from '../kubernetes/query.js';
import { digest } from '../lib/digest.js';
import type { RequestContext } from '../request/context.js';
import type { OutgoingRequest } from '../transport/round-trip.js';
import { identify, UnknownUserError } from '../watches/session-identity.js';
import { sharableWatch } from '../watches/sharable-watch.js';
import { outboundRequest, type ProxyContext } from './outbound-request.js';

/** Whether a request is a watch of resources. A program behind a subresource may use the same words for something else. */
export function isWatch({ raw, record: { info } }: Pick<RequestContext, 'raw' | 'record'>): boolean {
  return raw.method === 'GET' && info.verb === 'watch' && info.isResourceRequest && info.subresource === '';
}

/**
 * Returns the client's watch in a form that can be shared with clients that ask for the same as the same user. Returns undefined if
 * something in the request may change the answer. Rejects with a StatusError if the client may not send it.
 */
export async function watchToShare(
  context: ProxyContext,
  request: RequestContext,
  session: Session,
): Promise<WatchToShare<Session> | undefined> {
  const { mount, target, raw, caller, cluster, record } = request;
  const { authenticates } = context;
  // The path and the access review below are for the server URL's path. Another path may lead to another cluster.
  if (!mount.appendsServerPath && session.serverPath !== '') return undefined;
  const rawHeaders = authenticates ? withoutField(raw.rawHeaders, 'authorization') : raw.rawHeaders;
  const watch = sharableWatch(target.query, rawHeaders);
  if (watch === undefined) return undefined;
  // Every request with this session must pass these checks.
  outboundRequest(context, request, session);

  const { query, version, bookmarks, timeout, accept, acceptEncoding } = watch;
  const impersonation = caller && impersonationOf(caller);
  const identity = await identify(session);
  // The returned object outlives the request. It must keep nothing else of the request in memory.
  const { rawPath } = target;
  const { requestId } = record.origin;
  const attributes = attributesOf(request);
  return {
    version,
    bookmarks,
    timeout,
    key: digest([identity.key, impersonation, rawPath, query, accept, acceptEncoding]),
    expires: caller?.expires,
    outgoing(now, from): OutgoingRequest {
      const isSame = identity.isOf(now);
      if (isSame === undefined) throw new UnknownUserError();
      if (!isSame) throw replacedServer();
      const path = now.serverPath + rawPath;
      const fields = `resourceVersion=${from}&allowWatchBookmarks=true`;
      return {
        method: 'GET',
        path: `${path}?${query === '' ? fields : `${query}&${fields}`}`,
        headers: headersOf(now, { accept, acceptEncoding, requestId, impersonation }),
        connection: 'shared',
        isRepeatable: true,
      };
    },
    isAllowed: () =>
      isAllowed(cluster, attributes, { as: impersonation, isFor: now => identity.isOf(now) === true }),
  };
}

/**
 * The header fields of a shared watch. They include the client's fields that say what it asks for, and none that says who the client is.
 */
function headersOf(
  { host, credential, impersonation: own }: Session,
  fields: {
    readonly accept: string;
    readonly acceptEncoding: string;
    readonly requestId: string;
    readonly impersonation: readonly string[] | undefined;
  },
): string[] {
  const { accept, acceptEncoding, requestId, impersonation = own } = fields;
  const headers = ['Host', host, 'User-Agent', 'kube-api-proxy', 'X-Request-Id', requestId];
  if (accept !== '') headers.push('Accept', accept);
  if (acceptEncoding !== '') headers.push('Accept-Encoding', acceptEncoding);
  if (credential.authorization !== undefined) headers.push('Authorization', credential.authorization);
  headers.push(...impersonation);
  return headers;
}

/** The access review's attributes for the watch (`ResourceAttributes` of authorization.k8s.io/v1). */
function attributesOf({ record: { info }, target }: RequestContext): object {
  const fieldSelector = queryValue(target.query, 'fieldSelector') ?? '';
  const labelSelector = queryValue(target.query, 'labelSelector') ?? '';
  return {
    verb: 'watch',
    group: info.apiGroup,
    version: info.apiVersion,
    resource: info.resource,
    ...(info.namespace !== '' && { namespace: info.namespace }),
    ...(info.name !== '' && { name: info.name }),
    ...(fieldSelector !== '' && { fieldSelector: { rawSelector: fieldSelector } }),
    ...(labelSelector !== '' && { labelSelector: { rawSelector: labelSelector } }),
  };
}
