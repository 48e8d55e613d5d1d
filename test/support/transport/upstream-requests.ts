import type { Access, AccessSource, EndpointIdentity } from '../../../src/transport/access.js';
import type { Pool } from '../../../src/transport/round-trip.js';
import { UpstreamCall } from '../../../src/transport/upstream-call.js';
import type { UpstreamRequest } from '../../../src/transport/upstream-request.js';
import { RecordedResponse } from './recorded-response.js';

/** The endpoint of a test's accesses. */
export const endpoint: EndpointIdentity = {
  connections: 'server',
  server: 'server',
  impersonation: '',
  context: 'dev',
};

/** An access without a credential. */
export function accessTo(pool: Pool, more: Partial<Access> = {}): Access {
  return { endpoint, host: 'api:6443', serverPath: '', credential: {}, impersonation: [], pool, ...more };
}

/** Has one access and no other. */
export function onlySource(access: Access): AccessSource {
  return { access: () => access, refused: async () => undefined };
}

/** A GET of the proxy itself. */
export function upstreamRequestTo(target: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    target,
    isBelowServerPath: true,
    headers: [],
    bringsAuthorization: false,
    impersonation: 'configured',
    hidesRefusal: false,
    connection: 'any',
    isRepeatable: false,
    ...more,
  };
}

/** Sends a request over one of these connections. */
export function callOver(
  pool: Pool,
  target: string,
  more: Partial<UpstreamRequest> = {},
): { readonly call: UpstreamCall; readonly response: RecordedResponse } {
  const response = new RecordedResponse();
  const call = new UpstreamCall(onlySource(accessTo(pool)), upstreamRequestTo(target, more), response);
  return { call: call.start(), response };
}
