import type { Random } from '../../../support/random.js';

/** A request of a user, for two servers. In header fields, each character is one byte. */
export interface GeneratedRequest {
  /** A token. */
  readonly caller: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string | undefined;
  readonly isUpgrade: boolean;
}

/** What requests are about: there is an object `there`, and none of another name. */
export interface Names {
  readonly namespace: string;
  readonly there: string;
}

/** The callers: token, name, uid, groups. */
export const callers = [
  ['one', 'jane', '7', 'dev,everyone'],
  ['two', 'Zoë "Ünïcode" <x>', '', 'everyone'],
  ['three', 'bob & co', 'u:1', 'everyone,a b,größe'],
  ['four', 'cluster\\admin', '0', 'everyone'],
] as const;

const methods = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const resources = [
  ...(['pods', 'secrets', 'configmaps', 'services', 'nodes', 'namespaces', 'PODS', 'unknown'] as const).map(
    name => ({ prefix: '/api/v1', name }),
  ),
  { prefix: '/apis/apps/v1', name: 'deployments' },
  { prefix: '/apis/coordination.k8s.io/v1', name: 'leases' },
  { prefix: '/apis/rbac.authorization.k8s.io/v1', name: 'roles' },
  { prefix: '/apis/example.com/v1', name: 'things' },
];
const subresources = 'status scale log exec attach portforward proxy proxy/a/b eviction x'.split(' ');
const paths =
  `/ /api /apis /version /healthz /livez /readyz/ping /metrics/slis /x /api/v1 /apis/apps /apis/apps/v1
  /openapi/v3 /logs /.well-known/openid-configuration //healthz`.split(/\s+/);
const fieldSelectors =
  String.raw`metadata.name=there metadata.name==there metadata.name!=x b=1,a=2 a=1,, x a=b=c a=\,\=b
  spec.nodeName= metadata.name=a/b metadata.name=.. metadata.namespace=x,metadata.name=y`.split(/\s+/);
const labelSelectors = [
  ...['a', '!a', 'a=b', 'a!=b', 'b in (z,y,y),a', 'a notin ()', 'a in (,b)', 'n>1', 'n<1,m', 'a b'],
  ...['A/b=c', 'x=ü', 'a==b,a==b', 'c,b,a', ' a = b '],
];
/** Apply patches, and others. */
const patches = [
  ...['application/apply-patch+yaml', 'application/apply-patch+yaml; charset=utf-8'],
  ...['application/merge-patch+json', 'application/json-patch+json'],
];
const users = ['carol', 'jane', 'Ünï', 'system:serviceaccount:default:robot', 'a<b>&"c"'];

export function generateRequest(random: Random, names: Names): GeneratedRequest {
  const [caller] = random.pick(callers);
  const method = random.pick(methods);
  const common = { caller, headers: actsAs(random) };
  if (random.chance(0.15)) {
    const target = random.pick(paths) + (random.chance(0.2) ? '?timeout=30s' : '');
    return { ...common, method, target, body: undefined, isUpgrade: false };
  }
  if (random.chance(0.12)) return { ...common, ...connection(random, names) };
  if (method === 'PUT' || (method === 'PATCH' && random.chance(0.6))) {
    return { ...common, ...write(random, method, names) };
  }
  const target = `${spelled(random, resourcePath(random, names))}${query(random, method)}`;
  return { ...common, method, target, body: undefined, isUpgrade: false };
}

function resourcePath(random: Random, { namespace, there }: Names): string {
  const { prefix, name } = random.pick(resources);
  const special = random.chance(0.08) ? random.pick(['/watch', '/proxy']) : '';
  const where = random.chance(0.6) ? `/namespaces/${random.pick([namespace, namespace, 'other'])}` : '';
  const object = random.chance(0.6)
    ? `/${random.pick([there, 'missing', 'x.y', 'a%20b', '%C3%BC', 'a%2Fb'])}`
    : '';
  const sub = object !== '' && random.chance(0.3) ? `/${random.pick(subresources)}` : '';
  return `${prefix}${special}${where}/${name}${object}${sub}`;
}

/** The same path in another spelling, which the API server may read as another one. */
function spelled(random: Random, path: string): string {
  if (!random.chance(0.12)) return path;
  return random.pick<(text: string) => string>([
    text => `/${text}`,
    text => `${text}/`,
    text => text.replace('namespaces', 'namespaces/'),
    text => text.replace('pods', 'p%6fds'),
    text => text.replace('/api', '/%61pi'),
    text => text.replace('v1', 'V1'),
    text => text.replace('/v1/', '/v1//'),
    text => `${text};x`,
  ])(path);
}

function query(random: Random, method: string): string {
  const parameters: string[] = [];
  const add = (name: string, value: string) => parameters.push(`${name}=${encodeURIComponent(value)}`);
  if (random.chance(0.35)) add('fieldSelector', random.pick(fieldSelectors));
  if (random.chance(0.35)) add('labelSelector', random.pick(labelSelectors));
  if (random.chance(0.1)) add('labelSelector', random.pick(labelSelectors));
  if (random.chance(0.15)) add('watch', random.pick(['1', 'true', '0', 'False', '', 'x']));
  if (random.chance(0.1)) add('limit', random.pick(['1', 'x']));
  if (method !== 'GET' && method !== 'HEAD') add('dryRun', 'All');
  return parameters.length === 0 ? '' : `?${parameters.join('&')}`;
}

/** A PUT or a patch of an object that is there, or of one that the API server makes then. */
function write(random: Random, method: string, { namespace, there }: Names) {
  const isLease = random.chance(0.5);
  const apiVersion = isLease ? 'coordination.k8s.io/v1' : 'rbac.authorization.k8s.io/v1';
  const [kind, resource] = isLease ? ['Lease', 'leases'] : ['Role', 'roles'];
  const name = random.pick([there, `new-${random.below(30)}`]);
  const type = method === 'PUT' ? 'application/json' : random.pick(patches);
  const body =
    type === 'application/json-patch+json'
      ? '[]'
      : JSON.stringify({
          apiVersion,
          kind,
          metadata: { name, namespace },
          ...(isLease ? { spec: {} } : { rules: [] }),
        });
  return {
    method,
    target: `/apis/${apiVersion}/namespaces/${namespace}/${resource}/${name}?dryRun=All${
      type.includes('apply') ? '&fieldManager=test&force=true' : ''
    }`,
    type,
    body,
    isUpgrade: false,
  };
}

function connection(random: Random, { namespace, there }: Names) {
  const subresource = random.pick(['exec', 'attach', 'portforward', 'proxy', 'log']);
  const name = random.pick([there, 'missing']);
  return {
    method: random.pick(['GET', 'GET', 'POST']),
    target: `/api/v1/namespaces/${namespace}/pods/${name}/${subresource}?command=true&container=x&ports=1`,
    body: undefined,
    isUpgrade: true,
  };
}

/** Impersonate-* fields, of a part of the requests. */
function actsAs(random: Random): readonly string[] {
  if (!random.chance(0.2)) return [];
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  const headers = ['Impersonate-User', bytes(random.pick(users)), 'Impersonate-Group', 'everyone'];
  if (random.chance(0.3)) headers.push('Impersonate-Group', bytes(random.pick(['dev', 'größe'])));
  if (random.chance(0.2)) headers.push('Impersonate-Uid', '17');
  if (random.chance(0.2)) headers.push('Impersonate-Extra-Scopes', random.pick(['all', 'some']));
  if (random.chance(0.2)) headers.push('Impersonate-Extra-Kube-Api-Proxy%2fcluster', 'mine');
  return headers;
}
