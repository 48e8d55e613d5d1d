import assert from 'node:assert/strict';
import { kubectlTest } from '../support/clients/kubectl.js';
import type { Policy } from '../support/fake-api-server/authorization.js';
import { type Manifest, only, optionsOf, proxyOf, type Rule, render } from './manifests.js';

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
