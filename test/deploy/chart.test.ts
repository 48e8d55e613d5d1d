import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { authorizationFile } from '../../src/features/authorization-webhooks/validation.js';
import {
  type FileFormat,
  type Problem,
  parseConfigurationFile,
} from '../../src/features/common/configuration-file/parse.js';
import { readAuthenticators } from '../../src/features/oidc/configuration-file.js';
import { authenticationFile } from '../../src/features/oidc/validation.js';
import { manifestsOfChart } from '../support/documents/chart-manifests.js';
import { helm, helmTest } from '../support/documents/helm.js';
import { packageJson, projectFile } from '../support/project.js';
import { chart, template } from './chart.js';
import { type Manifest, only, optionsOf, proxyOf } from './manifests.js';

const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.namespace}/${metadata.name}`;

helmTest('the manifests of deploy/gateway and deploy/monitoring are those of the chart', () => {
  const made = manifestsOfChart();
  assert.deepEqual(
    [...made.keys()].sort(),
    [
      ...['deployment', 'horizontal-pod-autoscaler', 'network-policy', 'pod-disruption-budget'],
      ...['rbac-clusters', 'rbac-constrained', 'rbac', 'service'],
    ]
      .map(name => `deploy/gateway/${name}.yaml`)
      .concat('deploy/monitoring/prometheus-rule.yaml'),
  );
  for (const [file, text] of made) {
    assert.equal(readFileSync(projectFile(file), 'utf8'), text, `${file}: run npm run manifests`);
  }
});

helmTest('helm lints the chart without a complaint', () => {
  const { code, stdout } = helm(['lint', '--strict', chart, '--set=callers.mode=everyone']);
  assert.equal(code, 0, stdout);
});

helmTest(
  'two releases share no object and no Pod, with two names in one namespace or one name in two',
  () => {
    const values = { 'callers.serviceAccounts': [{ namespace: 'builds', name: 'ci' }] };
    for (const [name, namespace] of [
      ['two', 'here'],
      ['one', 'there'],
    ] as const) {
      const names = [...template(values, 'one', 'here'), ...template(values, name, namespace)].map(nameOf);
      assert.equal(new Set(names).size, names.length, names.join());
    }
    const { labels } = only(template({}, 'one'), 'Deployment').spec.template.metadata;
    const { selector } = only(template({}, 'two'), 'Service').spec;
    assert.ok(Object.entries(selector).some(([label, value]) => labels[label] !== value));
  },
);

helmTest('the chart lists service accounts in a Role of each namespace, and in no ClusterRole', () => {
  const made = template({
    'callers.serviceAccounts': [
      { namespace: 'dashboards', name: 'dashboard' },
      { namespace: 'builds', name: 'ci' },
      { namespace: 'dashboards', name: 'reports' },
    ],
  });
  const accounts = made
    .filter(({ kind }) => /Role$/.test(kind))
    .flatMap(({ metadata, rules }) =>
      rules
        .filter(({ resources }) => resources?.includes('serviceaccounts'))
        .map(({ resourceNames }) => [metadata.namespace, resourceNames]),
    );
  assert.deepEqual(accounts, [
    ['builds', ['ci']],
    ['dashboards', ['dashboard', 'reports']],
  ]);
  const bindings = made
    .filter(({ kind }) => kind === 'RoleBinding')
    .map(({ metadata }) => metadata.namespace);
  assert.deepEqual(bindings, ['builds', 'dashboards']);
});

helmTest(
  'with callers.mode everyone the gateway may act as any user, but for no other group and as no service account',
  () => {
    const { rules } = only(template(), 'ClusterRole');
    const allowed = rules.flatMap(({ resources = [], resourceNames }) =>
      resources
        .filter(resource => /^(users|groups|serviceaccounts)$/.test(resource))
        .map(resource => [resource, resourceNames]),
    );
    assert.deepEqual(allowed, [
      ['users', undefined],
      ['groups', ['system:authenticated']],
    ]);
  },
);

helmTest(
  'the gateway may read what clusters are found by, in the namespaces of clusters.from, and nothing else',
  () => {
    const rights = (from: readonly string[]) =>
      template({ 'clusters.from': from }).flatMap(({ kind, metadata, rules, roleRef }) => {
        if (kind === 'RoleBinding') return [[metadata.namespace, roleRef?.kind, roleRef?.name]];
        return kind === 'Role' ? [[metadata.namespace, metadata.name, rules]] : [];
      });
    const name = 'kube-api-proxy:kube-api-proxy:clusters';
    const verbs = ['get', 'list', 'watch'];
    const secrets = { apiGroups: [''], resources: ['secrets'], verbs };
    const profiles = { apiGroups: ['multicluster.x-k8s.io'], resources: ['clusterprofiles'], verbs };
    assert.deepEqual(rights([]), []);
    assert.deepEqual(rights(['cluster-api:fleet', 'cluster-profile', 'cluster-profile:fleet']), [
      ['fleet', name, [secrets, profiles]],
      ['kube-api-proxy', name, [profiles]],
      ['fleet', 'Role', name],
      ['kube-api-proxy', 'Role', name],
    ]);
    const others = (from: readonly string[]) =>
      template({ 'clusters.from': from, 'tls.secretName': 'tls' }).filter(
        ({ kind, metadata }) => !/Deployment/.test(kind) && metadata.name !== name,
      );
    assert.deepEqual(others(['cluster-api:fleet']), others([]));
  },
);

helmTest('an empty list of callers or peers admits nobody instead of everybody', () => {
  const made = template({ 'callers.mode': 'named', 'callers.users': ['bob'] });
  assert.ok(!made.some(({ kind }) => kind === 'Role' || kind === 'RoleBinding'));
  const accounts = [{ namespace: 'builds', name: 'ci' }];
  const { rules } = only(
    template({ 'callers.mode': 'named', 'callers.serviceAccounts': accounts }),
    'ClusterRole',
  );
  for (const { resources = [], resourceNames = [] } of rules) {
    for (const resource of ['users', 'serviceaccounts']) assert.ok(!resources.includes(resource));
    if (resources.includes('groups')) assert.ok(resourceNames.length > 0);
  }
  const { ingress } = only(template({ 'networkPolicy.clients': [] }), 'NetworkPolicy').spec;
  assert.deepEqual(
    ingress.map(({ ports }) => ports),
    [[{ protocol: 'TCP', port: 'admin' }]],
  );
});

helmTest(
  'the NetworkPolicy lets callers in from everywhere if there is a way in from outside the cluster, and else the listed peers',
  () => {
    const peers = [{ ipBlock: { cidr: '192.0.2.1/32' } }];
    const callersOf = (values: Readonly<Record<string, unknown>>) => {
      const { ingress } = only(template({ ...values, 'networkPolicy.clients': peers }), 'NetworkPolicy').spec;
      return ingress.filter(({ ports }) => JSON.stringify(ports).includes('"https"'));
    };
    const ports = [{ protocol: 'TCP', port: 'https' }];
    const publicURL = 'https://gw.example';
    assert.deepEqual(callersOf({}), [{ from: peers, ports }]);
    assert.deepEqual(callersOf({ publicURL }), [{ from: peers, ports }]);
    for (const way of [
      { 'service.type': 'LoadBalancer' },
      { 'service.type': 'NodePort' },
      { publicURL, 'ingress.enabled': true },
      { publicURL, 'tlsRoute.parentRefs': [{ name: 'edge' }] },
    ]) {
      assert.deepEqual(callersOf(way), [{ ports }], JSON.stringify(way));
    }
  },
);

helmTest(
  'the permissions and the volumes of a method of authentication are there only if the method is on',
  () => {
    const made = template({
      tokenReview: false,
      'oidc.issuerURL': 'https://login.example',
      'oidc.clientID': 'team',
    });
    const role = JSON.stringify(only(made, 'ClusterRole'));
    assert.doesNotMatch(role, /tokenreviews|uids/);
    assert.match(role, /"resources":\["userextras\/authentication\.kubernetes\.io\/credential-id"\]/);
    const { spec } = only(made, 'Deployment').spec.template;
    assert.deepEqual(
      spec.volumes?.map(({ name }) => name),
      ['tls'],
    );
    assert.equal(optionsOf(proxyOf(spec)).authenticationTokenWebhook, false);
    const withTokens = template({ tokenReview: false, 'tokens.secretName': 'people' });
    assert.doesNotMatch(JSON.stringify(only(withTokens, 'ClusterRole')), /userextras/);
    assert.match(JSON.stringify(only(withTokens, 'ClusterRole')), /"resources":\["uids"\]/);
  },
);

/** A configuration file as the proxy reads it. It is in a folder that changes without a restart: with another content, only the ConfigMap differs. */
function followedFile(made: readonly Manifest[], changed: readonly Manifest[], format: FileFormat) {
  assert.deepEqual(only(changed, 'Deployment'), only(made, 'Deployment'));
  const problems: Problem[] = [];
  const text = only(made, 'ConfigMap').data['config.yaml'] ?? '';
  assert.notEqual(only(changed, 'ConfigMap').data['config.yaml'], text);
  const file = parseConfigurationFile(format, 'config.yaml', text, problems);
  assert.deepEqual(problems, []);
  return file ?? assert.fail('it cannot be read');
}

helmTest('the file of several issuers is followed, and its uids and extra fields may be sent', async () => {
  const issuer = { url: 'https://login.example', audiences: ['team'] };
  const extra = [{ key: 'example.com/a', valueExpression: '"x"' }];
  const configured = (prefix: string) => {
    const claimMappings = { username: { claim: 'sub', prefix }, extra };
    return template({ tokenReview: false, authenticationConfig: { jwt: [{ issuer, claimMappings }] } });
  };
  const made = configured('a:');
  const file = followedFile(made, configured('b:'), authenticationFile);
  const entries = await readAuthenticators(file.content, file.report);
  assert.equal(entries?.[0]?.entry.claimMappings.username?.prefix, 'a:');
  assert.deepEqual(
    only(made, 'Deployment').spec.template.spec.volumes?.map(({ name }) => name),
    ['tls', 'authentication'],
  );
  const role = JSON.stringify(only(made, 'ClusterRole'));
  for (const target of [
    'uids',
    'userextras/authentication.kubernetes.io/credential-id',
    'userextras/example.com/a',
  ]) {
    assert.ok(role.includes(JSON.stringify(target)), target);
  }
});

helmTest('the file of authorization webhooks is followed, and names kubeconfigs of a Secret', () => {
  const configured = (timeout: string) => {
    const config = { authorizers: [{ type: 'Webhook', name: 'policy', webhook: { timeout } }] };
    return template({ authorization: { kubeconfigSecret: 'hooks', config } });
  };
  const made = configured('3s');
  const file = followedFile(made, configured('4s'), authorizationFile);
  assert.deepEqual(Object.keys(file.content).sort(), ['apiVersion', 'authorizers', 'kind']);
  const { containers, volumes = [] } = only(made, 'Deployment').spec.template.spec;
  const mounts = containers[0]?.volumeMounts?.map(({ name, mountPath }) => [name, mountPath]) ?? [];
  const folder = '/etc/kube-api-proxy';
  assert.deepEqual(mounts.slice(1), [
    ['authorization', `${folder}/authorization`],
    ['webhooks', `${folder}/webhooks`],
  ]);
  assert.deepEqual(
    volumes.slice(1).map(({ configMap, secret }) => configMap?.name ?? secret?.secretName),
    ['kube-api-proxy-authorization', 'hooks'],
  );
  assert.ok(containers[0]?.args?.includes(`--authorization-config=${folder}/authorization/config.yaml`));
});

helmTest(
  'the certificate that the chart makes is for the names by which clients come, with its authority, and new at each template',
  () => {
    const secretOf = (values: Readonly<Record<string, unknown>> = {}) =>
      only(template(values), 'Secret').data;
    const decoded = (data: Readonly<Record<string, string>>, name: string) =>
      Buffer.from(data[name] ?? '', 'base64').toString();
    const data = secretOf({ publicURL: 'https://[2001:db8::1]:8443' });
    const certificate = new X509Certificate(decoded(data, 'tls.crt'));
    const authority = new X509Certificate(decoded(data, 'ca.crt'));
    assert.equal(
      certificate.subjectAltName,
      'DNS:kube-api-proxy.kube-api-proxy.svc, DNS:kube-api-proxy.kube-api-proxy.svc.cluster.local, DNS:localhost, ' +
        'IP Address:127.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1',
    );
    assert.ok(certificate.checkPrivateKey(createPrivateKey(decoded(data, 'tls.key'))));
    assert.ok(certificate.verify(authority.publicKey) && authority.ca && !certificate.ca);
    assert.ok(decoded(data, 'tls.crt').endsWith(decoded(data, 'ca.crt')));
    assert.notEqual(data['tls.key'], secretOf()['tls.key']);
  },
);

helmTest('a Service that is reachable from outside the cluster has no admin port', () => {
  const services = template({ 'service.type': 'LoadBalancer' }).filter(({ kind }) => kind === 'Service');
  assert.deepEqual(
    services.map(({ metadata, spec }) => [metadata.name, spec.ports.map(({ name }) => name)]),
    [
      ['kube-api-proxy', ['https']],
      ['kube-api-proxy-admin', ['admin']],
    ],
  );
});

test('the chart has the version of the package', () => {
  const { version: own, appVersion } = parse(readFileSync(`${chart}/Chart.yaml`, 'utf8')) as Record<
    string,
    string
  >;
  assert.deepEqual([own, appVersion], [packageJson.version, packageJson.version]);
});
