import type { Endpoint } from '../clusters/endpoint.js';
import { replacedServer, requireSameServer } from '../clusters/replaced-server.js';
import type { RequestContext } from '../request/context.js';
import { rejectImpersonation } from './impersonation.js';

/**
 * Judges a request again if its endpoint was replaced by this one while it waited for a credential, or after a 401. Throws a Rejection if
 * the client impersonates and the proxy impersonates now. Throws a StatusError of 503 if the API server or its path is another one: the
 * rules have read the path for the former server, and that server may have said who the caller is.
 */
export function judgeAgain({ endpoint: before, raw, mount }: RequestContext, endpoint: Endpoint): void {
  if (endpoint.config.impersonation !== undefined) rejectImpersonation(raw.rawHeaders);
  requireSameServer(before, endpoint);
  // The current context may now be another one, with another user of the same server; the path names the former context.
  if (mount.namesContext && endpoint.context !== before.context) throw replacedServer();
}
