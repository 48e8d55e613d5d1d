import type { Endpoint } from '../clusters/cluster.js';
import type { Place } from '../guard/fair-shares.js';
import type { RequestTarget } from '../guard/request-target.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { RequestRecord } from '../observability/request-record.js';

/** What the chain finds out about a request, for those further down it. */
declare module 'fastify' {
  interface FastifyRequest {
    /** For a request to the API server without --api-prefix, for others as sent. */
    target: RequestTarget;
    /** What every rule judges it by, even if the API server changes meanwhile. */
    endpoint: Endpoint;
    /** Who sends it, once a guard has found out; undefined where nobody is asked who they are. */
    caller: UserInfo | undefined;
    record: RequestRecord;
    /** What it takes of the places for requests; given back when it is over. */
    place: Place | undefined;
    /** Fields that its answer gets besides those of the API server: name, value, …; undefined for none. */
    answerHeaders: readonly string[] | undefined;
  }
}

declare module 'node:http' {
  interface IncomingMessage {
    /** True for a request that came as an `upgrade` event: set by Node's parser, missing in its types. */
    readonly upgrade?: boolean;
  }
}
