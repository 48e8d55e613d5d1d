import type { RawHeaders } from '../http/header-fields.js';
import { queryValue } from '../kubernetes/query.js';
import type { RequestContext } from '../request/context.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';
import type { WatchRequest } from '../watches/watch-to-share.js';
import type { ProxyContext } from './client-request.js';
import { saysWho } from './headers.js';

/** Whether a request is a watch of resources. A program behind a subresource may use the same words for something else. */
export function isWatch({ head, record: { info } }: Pick<RequestContext, 'head' | 'record'>): boolean {
  return head.method === 'GET' && info.verb === 'watch' && info.isResourceRequest && info.subresource === '';
}

/** What a client's watch needs to be shared. `own` is the request that is sent if it cannot be. */
export function watchRequest(
  { authenticates, isStillLetIn }: Pick<ProxyContext, 'authenticates' | 'isStillLetIn'>,
  request: RequestContext,
  own: UpstreamRequest,
): WatchRequest {
  const { head, caller, record } = request;
  const { rawPath, query } = request.path.forServer;
  return {
    own,
    path: rawPath,
    query,
    rawHeaders: authenticates ? withoutWho(head.rawHeaders) : head.rawHeaders,
    requestId: record.origin.requestId,
    expires: caller?.expires,
    attributes: attributesOf(request),
    isStillValid: isStillLetIn && (() => isStillLetIn(request)),
  };
}

/** The fields without those that say who the client is: the impersonation of the request says that. */
function withoutWho(headers: RawHeaders): RawHeaders {
  return headers.filter((_, index) => !saysWho((headers[index - (index % 2)] as string).toLowerCase()));
}

/** The access review's attributes for the watch (`ResourceAttributes` of authorization.k8s.io/v1). */
function attributesOf({ record: { info }, path }: RequestContext): object {
  const fieldSelector = queryValue(path.forServer.query, 'fieldSelector') ?? '';
  const labelSelector = queryValue(path.forServer.query, 'labelSelector') ?? '';
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
