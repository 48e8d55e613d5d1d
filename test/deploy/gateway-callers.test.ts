import assert from 'node:assert/strict';
import { clientRequests } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { send } from '../support/clients/http-client.js';
import { kubectlTest } from '../support/clients/kubectl.js';
import { eventually } from '../support/eventually.js';
import type { Policy } from '../support/fake-api-server/authorization.js';
import { proxyToken } from '../support/identities/two-users.js';
import { adminPort } from '../support/proxy/admin-listener.js';
import { startGateway } from '../support/proxy/gateway.js';
import { type Manifest, only, optionsOf, proxyOf, type Rule, render } from './manifests.js';

const gateway = 'system:serviceaccount:kube-api-proxy:kube-api-proxy';
const dashboard = 'system:serviceaccount:dashboards:dashboard';
const pods = '/api/v1/namespaces/default/pods';
const configMaps = '/api/v1/namespaces/default/configmaps';

type Attributes = Parameters<Policy>[1];

/** RBAC's RulesFor: those of the ClusterRole, and in a namespace those of its Role. */
function rulesIn(manifests: readonly Manifest[], namespace: string | undefined): readonly Rule[] {
  return manifests
    .filter(
      ({ kind, metadata }) => kind === 'ClusterRole' || (kind === 'Role' && metadata.namespace === namespace),
    )
    .flatMap(({ rules }) => rules);
}

/** RBAC's RuleAllows: a rule with names allows nothing without a name. */
function allows(manifests: readonly Manifest[], asked: Partial<Attributes>): boolean {
  const { verb = '', group = '', resource = '', subresource = '', name = '', namespace } = asked;
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  return rulesIn(manifests, namespace).some(
    ({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      verbs.includes(verb) &&
      apiGroups.includes(group) &&
      resources.includes(wanted) &&
      (resourceNames.length === 0 || resourceNames.includes(name)),
  );
}

function serviceAccount(namespace: string, name: string) {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    uid: '4-2',
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    extra: {
      'authentication.kubernetes.io/credential-id': ['JTI=1'],
      'authentication.kubernetes.io/node-name': ['node-1'],
      'authentication.kubernetes.io/node-uid': ['5'],
      'authentication.kubernetes.io/pod-name': ['web-0'],
      'authentication.kubernetes.io/pod-uid': ['6'],
    },
  };
}

kubectlTest(
  'the identity of deploy/gateway may impersonate the listed callers, and nobody else',
  async () => {
    const manifests = await render('gateway');
    const rules = manifests.filter(({ kind }) => /Role$/.test(kind)).flatMap(role => role.rules);
    for (const { verbs, resources = [], resourceNames = [] } of rules) {
      assert.doesNotMatch([...verbs, ...resources, ...resourceNames].join(), /\*/);
      assert.deepEqual(verbs, [resources.includes('tokenreviews') ? 'create' : 'impersonate']);
      if (resources.some(resource => /^(users|groups|serviceaccounts)$/.test(resource))) {
        assert.ok(resourceNames.length > 0, resources.join());
      }
    }
    for (const asked of [
      { resource: 'groups', name: 'system:masters' },
      { resource: 'groups', name: 'system:nodes' },
      { resource: 'groups', name: 'system:serviceaccounts:kube-system' },
      { resource: 'users', name: 'system:admin' },
      { resource: 'users', name: 'system:kube-controller-manager' },
      {
        resource: 'serviceaccounts',
        name: 'clusterrole-aggregation-controller',
        namespace: 'kube-system',
      },
      // The name of a listed account, in other namespaces and in none.
      { resource: 'serviceaccounts', name: 'dashboard', namespace: 'kube-system' },
      { resource: 'serviceaccounts', name: 'dashboard', namespace: 'kube-api-proxy' },
      { resource: 'serviceaccounts', name: 'dashboard' },
    ]) {
      assert.ok(!allows(manifests, { verb: 'impersonate', group: '', ...asked }), JSON.stringify(asked));
    }
    const listed = { resource: 'serviceaccounts', name: 'dashboard', namespace: 'dashboards' };
    assert.ok(allows(manifests, { verb: 'impersonate', group: '', ...listed }));
  },
);

kubectlTest(
  'deploy/gateway authenticates its callers over TLS, and needs no flag that allows open access',
  async () => {
    const pod = only(await render('gateway'), 'Deployment').spec.template.spec;
    const proxy = proxyOf(pod);
    const options = optionsOf(proxy);
    assert.equal(options.insecureAllowUnauthenticated, false);
    assert.equal(options.authenticationTokenWebhook, true);
    const mount = proxy.volumeMounts?.find(({ name }) => name === 'tls');
    assert.ok(pod.volumes?.some(({ name, secret }) => name === 'tls' && secret !== undefined));
    assert.equal(options.tlsCertFile, `${mount?.mountPath}/tls.crt`);
    assert.equal(options.tlsPrivateKeyFile, `${mount?.mountPath}/tls.key`);
    assert.ok(options.maxRequestsInflightPerUser > 0 && options.maxLongrunningRequestsPerUser > 0);
    assert.equal(options.auditLogPath, '-');
  },
);

kubectlTest(
  'with the arguments and the role of deploy/gateway, listed callers act as themselves and others are rejected',
  async t => {
    const manifests = await render('gateway');
    const { args = [] } = proxyOf(only(manifests, 'Deployment').spec.template.spec);
    const files = await createServingFiles();
    const tokens = {
      [proxyToken]: serviceAccount('kube-api-proxy', 'kube-api-proxy'),
      dashboard: serviceAccount('dashboards', 'dashboard'),
      other: serviceAccount('kube-system', 'dashboard'),
      another: serviceAccount('dashboards', 'builder'),
      alice: { username: 'alice@example.com', groups: ['developers'] },
      dave: { username: 'dave@example.com', groups: ['developers'] },
      admin: { username: 'alice@example.com', groups: ['system:masters'] },
    };
    const allow: Policy = (user, asked) => {
      if (!asked.isResourceRequest) return asked.verb === 'get';
      if (/^self/.test(asked.resource)) return true;
      if (user.username === gateway) return allows(manifests, asked);
      if (user.username === dashboard) return asked.resource === 'pods' && asked.subresource !== 'exec';
      return user.groups.includes('developers') && asked.resource === 'configmaps';
    };
    const { proxy, server } = await startGateway(t, {
      server: { tokens, allow },
      intercept: ({ url = '' }, response) => {
        if (!url.endsWith('/selfsubjectrulesreviews')) return false;
        response.writeHead(201, { 'Content-Type': 'application/json' });
        const resourceRules = rulesIn(manifests, 'default');
        response.end(JSON.stringify({ status: { resourceRules, incomplete: false } }));
        return true;
      },
      args: [
        ...args
          .filter(arg => !/^--(address|port|admin-port|shutdown-delay)=/.test(arg))
          .map(arg => arg.replace('/etc/kube-api-proxy/tls', files.folder)),
        ...['--admin-port=0', '--admin-address=127.0.0.1'],
      ],
    });
    const tls = { ca: files.authority.certificate };
    const as = (token: string, path: string) =>
      send(proxy.port, path, { tls, headers: { authorization: `Bearer ${token}` } });

    const admin = await adminPort(proxy);
    await eventually('readyz', async () => (await send(admin, '/readyz')).status === 200);

    assert.equal((await send(proxy.port, pods, { tls })).status, 401);
    assert.equal((await as('unknown', pods)).status, 401);
    assert.equal((await as('dashboard', pods)).status, 200);
    assert.equal(clientRequests(server).at(-1)?.headers['impersonate-user'], dashboard);
    assert.equal((await as('alice', configMaps)).status, 200);
    for (const [token, path, reason] of [
      ['dashboard', configMaps, /User \\"system:serviceaccount:dashboards:dashboard\\" cannot list/],
      ['dashboard', `${pods}/web-0/exec?command=id`, /system:serviceaccount:dashboards:dashboard\\" cannot/],
      ['alice', pods, /User \\"alice@example\.com\\" cannot list/],
      ['dave', configMaps, /cannot impersonate resource \\"users\\"/],
      ['other', pods, /"serviceaccounts\\" in API group \\"\\" in the namespace \\"kube-system\\"/],
      ['another', pods, /"serviceaccounts\\" in API group \\"\\" in the namespace \\"dashboards\\"/],
      ['admin', configMaps, /group \\"system:masters\\" is reserved by Kubernetes/],
    ] as const) {
      const { status, text } = await as(token, path);
      assert.equal(status, 403, `${token} ${path}: ${text}`);
      assert.match(text, reason);
    }
    await proxy.stop();
    const events = proxy.stdout().trimEnd().split('\n');
    const users = events.map(line => (JSON.parse(line) as { user: { username?: string } }).user.username);
    assert.deepEqual(
      [...new Set(users)].sort(),
      [undefined, dashboard, 'alice@example.com', 'dave@example.com']
        .concat([tokens.other.username, tokens.another.username])
        .sort(),
    );
  },
);
