/** The bytes of a text, one character each. */
export const utf8 = (text: string) => Buffer.from(text).toString('latin1');

export const groups = [
  ...['apps', 'batch', 'rbac.authorization.k8s.io', 'authentication.k8s.io', 'example.com', 'api', ''],
];
export const versions = ['v1', 'v1', 'v1', 'v1beta1', 'v2', 'watch', ''];
export const resources = [
  ...['pods', 'pods', 'secrets', 'services', 'nodes', 'namespaces', 'deployments', 'jobs', 'configmaps'],
  ...['serviceaccounts', 'widgets', 'Pods', 'watch', 'proxy', 'status'],
];
export const namespaces = [
  ...['default', 'kube-system', 'team-a', 'status', 'finalize', 'namespaces', 'watch', 'pods', ''],
];
export const subresources = [
  ...['status', 'scale', 'log', 'exec', 'attach', 'portforward', 'proxy', 'eviction', 'binding'],
  ...['finalize', 'ephemeralcontainers', 'token', 'approval', 'x', ''],
];
export const names = [
  ...['web-0', 'web-0', 'a', '0', 'status', 'watch', 'proxy', 'namespaces', 'https:web:443'],
  ...['system:node:n1', '...', 'a..b', 'with space', 'plus+plus', 'per%cent', '100%41', 'ques?tion'],
  ...['ha#sh', 'back\\slash', 'a/b', 'semi;colon', 'co,mma=equals&and'],
  `"quotes'<>^|{}[]\`~!$()*@_`,
  utf8('größe'),
  utf8('ſecret'),
  utf8('İ'),
  utf8('😀'),
  utf8('\u2028'),
  ...['\xff', '\xc3', '\xe2\x82', '\xf0\x9f\x98', '\xed\xa0\x80', '\xc0\xaf'],
  'x'.repeat(300),
];
export const otherPaths = [
  ...['/', '', '/api', '/apis', '/api/', '/apis/', '/api/v1', '/apis/apps', '/apis/apps/v1', '/version'],
  ...['/version/', '/healthz', '/livez/ping', '/readyz', '/metrics', '/logs/kube-apiserver.log'],
  ...['/openid/v1/jwks', '/.well-known/openid-configuration', '/debug/pprof/profile', '/debug/flags/v'],
  ...['/openapi/v3', '/API/v1/pods', '/apisx/v1/pods', '/-', '/clusters/a/api/v1/pods'],
  '/nothing/here/at/all',
];
export const listPaths = [
  ...['/api/v1/pods', '/api/v1/namespaces', '/api/v1/namespaces/team-a/pods', '/apis/apps/v1/deployments'],
  '/api/v1/watch/pods',
];
export const hostileSegments = ['.', '..', '%', '\x00', '\n', '\x7f', '..;', ';a=b', 'a\\b'];

export const methods = [
  ...['GET', 'GET', 'GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'DELETE', 'HEAD', 'OPTIONS'],
];
export const unknownMethods = ['get', 'Get', 'FOO', 'G@T', 'G/T', 'GET,POST', '{}'];
export const rareMethods = [
  ...['TRACE', 'PROPFIND', 'PURGE', 'M-SEARCH', 'REPORT', 'SOURCE', 'LINK', 'MKCOL', 'BIND'],
];

export const contentTypes = [
  ...['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'],
  ...['application/merge-patch+json', 'application/apply-patch+yaml', 'text/plain', 'nonsense'],
];
export const bodies = [
  ...['', '{}'],
  '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"of-the-body","namespace":"of-the-body"}}',
  ...['{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0}', 'not json', '\x00\xff'],
];
export const usernames = [
  'jane',
  'jane',
  utf8('größe'),
  ...['\xe2\x82 cut', 'a b', 'a,b', '%41', 'system:serviceaccount:team-a:builder'],
  ...['system:serviceaccount:team-a', 'system:serviceaccount:Team_A:b', 'system:node:n1'],
  ...['system:anonymous', ''],
];
export const userGroups = [
  'dev',
  utf8('größe'),
  ...['a,b', 'system:authenticated', 'system:unauthenticated', 'system:serviceaccounts', 'system:nodes'],
  '',
];
export const extraKeys = [
  ...['Scopes', 'scopes', 'example.com%2Fscope', '%C3%A4', '%e2%82', 'a%zzb', '100%', '%41'],
];
export const plainHeaders: readonly (readonly [string, string])[] = [
  ['Accept', 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'],
  ['Accept', 'application/vnd.kubernetes.protobuf'],
  ['Accept', 'text/html'],
  ['Accept-Encoding', 'gzip'],
  ['User-Agent', 'kubectl/v1.34.0 (linux/amd64) kubernetes/abcdef0'],
  ['User-Agent', utf8('größe')],
  ['User-Agent', 'y'.repeat(1500)],
  ['User-Agent', `yy${utf8('ö').repeat(700)}`],
  ['If-None-Match', '"x"'],
  ['Range', 'bytes=0-1'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Forwarded-For', '10.1.2.3, 10.4.5.6'],
  ['X-Forwarded-Uri', '/api/v1/secrets'],
  ['X-Original-URL', '/api/v1/secrets'],
  ['Kubectl-Command', 'kubectl get'],
  ['Cookie', 'a=b'],
  ['TE', 'trailers'],
  ['Traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
];
/** Header fields of a body in chunks. */
export const chunked: readonly (readonly (readonly [string, string])[])[] = [
  [['Transfer-Encoding', 'chunked']],
  [
    ['Transfer-Encoding', 'chunked'],
    ['Trailer', 'X-Checksum'],
  ],
  [
    ['Transfer-Encoding', 'chunked'],
    ['Trailer', 'Content-Length'],
  ],
];
export const upgrades: readonly (readonly (readonly [string, string])[])[] = [
  [
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ['Sec-WebSocket-Protocol', 'v5.channel.k8s.io'],
  ],
  [
    ['Connection', 'upgrade'],
    ['Upgrade', 'SPDY/3.1'],
    ['X-Stream-Protocol-Version', 'v4.channel.k8s.io'],
  ],
];
