import type { LineFields } from '../../../src/observability/log/logger.js';

/** The fields of a request's log line, all of them. */
export const every = {
  method: 'GET',
  path: '/api/v1/namespaces/default/pods/web-0/log',
  remoteAddress: '2001:db8::1',
  clientAddress: '192.0.2.7',
  cluster: 'dev',
  user: 'system:serviceaccount:default:"web"',
  impersonatedUser: 'carol <"c">',
  deniedBy: 'opa',
  requestId: '0b5c5bd2-5b8e-4a0c-9d3c-2f9b8f7d2a10',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  verb: 'get',
  apiGroup: 'apps',
  version: 'v1',
  resource: 'pods',
  subresource: 'log',
  namespace: 'default',
  resourceName: 'web-0',
  code: 200,
  filtered: true,
  auditId: 'a-1',
  bytes: 1234,
  durationMs: 0.125,
  endedBy: 'client',
} as const satisfies LineFields;
