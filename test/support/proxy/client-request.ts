import { type Endpoint, identityOf } from '../../../src/clusters/endpoint.js';
import { RequestHead } from '../../../src/http/request-head.js';
import type { UserInfo } from '../../../src/kubernetes/user-info.js';
import type { OpenRequest } from '../../../src/request/context.js';

interface ClientRequestParts {
  readonly method?: string;
  readonly target?: string;
  readonly rawHeaders?: readonly string[];
  readonly remoteAddress?: string | undefined;
  readonly requestId?: string;
  readonly auditId?: string | undefined;
  readonly traceFields?: readonly string[] | undefined;
  readonly subresource?: string;
  readonly isUpgrade?: boolean;
  readonly caller?: UserInfo | undefined;
  readonly endpoint?: Endpoint;
  readonly mount?: Partial<OpenRequest['mount']>;
  readonly record?: object;
}

/** An endpoint without a credential. */
export function endpointWith(
  config: Partial<Endpoint['config']> = {},
  more: Partial<Omit<Endpoint, 'config'>> = {},
): Endpoint {
  const endpoint = {
    context: 'dev',
    config: {
      server: { protocol: 'https:', hostname: 'api.example', port: 443, path: '' },
      insecureSkipTlsVerify: false,
      ...config,
    },
    certificateAuthority: undefined,
    proxy: undefined,
    ...more,
  } as Endpoint;
  return { ...endpoint, identity: identityOf(endpoint) };
}

/** A client's request after all guards, with what the request for the API server is made from. */
export function clientRequest({
  method = 'GET',
  target = '/api',
  rawHeaders = [],
  remoteAddress,
  requestId = 'generated',
  auditId,
  traceFields,
  subresource = '',
  isUpgrade = false,
  caller,
  endpoint = endpointWith(),
  mount,
  record,
}: ClientRequestParts = {}): OpenRequest {
  return {
    mount: { appendsServerPath: false, namesContext: false, ...mount },
    path: { forServer: { raw: target } },
    raw: { socket: { remoteAddress } },
    head: new RequestHead({ method, rawHeaders: [...rawHeaders], upgrade: isUpgrade }),
    record: {
      origin: { requestId },
      ownAuditId: auditId,
      trace: traceFields && { fields: traceFields },
      info: { subresource },
      ...record,
    },
    ...{ caller, endpoint },
  } as unknown as OpenRequest;
}
