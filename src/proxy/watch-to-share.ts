import { isAllowed } from '../clusters/access-review.js';
import type { Session } from '../clusters/endpoint.js';
import { replacedServer } from '../clusters/replaced-server.js';
import { identityOf } from '../clusters/session-identity.js';
import { withoutField } from '../http/header-fields.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import { queryValue } from '../kubernetes/query.js';
import type { RequestContext } from '../request/context.js';
import type { OutgoingRequest } from '../transport/round-trip.js';
import { sharableWatch } from '../transport/shared-watches/sharable-watch.js';
import type { WatchToShare } from '../transport/shared-watches/watch-to-share.js';
import { outboundRequest, type ProxyContext } from './outbound-request.js';

/** Whether a request is a watch of resources, and not of what a program behind a subresource calls so. */
export function isWatch({ raw, record: { info } }: Pick<RequestContext, 'raw' | 'record'>): boolean {
  return raw.method === 'GET' && info.verb === 'watch' && info.isResourceRequest && info.subresource === '';
}

/**
 * The watch of a client, for all who ask for the same as the same user; undefined if something about it may change the answer. Throws a
 * StatusError if the client may not send it.
 */
export function watchToShare(
  context: ProxyContext,
  request: RequestContext,
  session: Session,
): WatchToShare<Session> | undefined {
  const { mount, target, raw, caller, cluster, record } = request;
  const { authenticates } = context;
  const rawHeaders = authenticates ? withoutField(raw.rawHeaders, 'authorization') : raw.rawHeaders;
  const watch = sharableWatch(target.query, rawHeaders);
  if (watch === undefined) return undefined;
  // What every request must pass that is sent with this session.
  outboundRequest(context, request, session);

  const { query, accept, acceptEncoding, ...client } = watch;
  const impersonation = caller && impersonationOf(caller);
  const identity = identityOf(session);
  return {
    ...client,
    key: JSON.stringify([identity, impersonation, target.rawPath, query, accept, acceptEncoding]),
    expires: caller?.expires,
    outgoing(now, version): OutgoingRequest {
      if (identityOf(now) !== identity) throw replacedServer();
      const path = `${mount.appendsServerPath ? now.serverPath : ''}${target.rawPath}`;
      const fields = `resourceVersion=${version}&allowWatchBookmarks=true`;
      return {
        method: 'GET',
        path: `${path}?${query === '' ? fields : `${query}&${fields}`}`,
        headers: headersOf(now, {
          accept,
          acceptEncoding,
          requestId: record.origin.requestId,
          impersonation,
        }),
        connection: 'shared',
        isRepeatable: true,
      };
    },
    isAllowed: () => isAllowed(cluster, attributesOf(request), impersonation),
  };
}

/** The fields of a shared watch: those of a client, as far as they say what is asked for, and none that says who is behind the proxy. */
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

/** What the API server asks its authorizers about the watch (`ResourceAttributes` of authorization.k8s.io/v1). */
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
