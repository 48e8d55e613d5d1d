import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { manifestsOfChart } from '../support/chart-manifests.js';
import { chartValues } from '../support/chart-values.js';
import { helm, helmTest } from '../support/helm.js';
import { projectFile } from '../support/project.js';
import { tables, writtenTable } from '../support/readme-tables.js';
import { type Manifest, only, optionsOf, proxyOf } from './manifests.js';

const chart = projectFile('deploy/helm/kube-api-proxy');
function read(file: string): string {
  return readFileSync(`${chart}/${file}`, 'utf8');
}

/** The chart's objects with these values, in the namespace kube-api-proxy. */
function template(values: Readonly<Record<string, unknown>> = {}, release = 'kube-api-proxy'): Manifest[] {
  const sets = Object.entries(values).flatMap(([path, value]) => [
    '--set-json',
    `${path}=${JSON.stringify(value)}`,
  ]);
  const { code, stdout, stderr } = helm([
    ...['template', release, chart, '--namespace=kube-api-proxy'],
    ...sets,
  ]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  // The API server reads 0440 as an octal number.
  return parseAllDocuments(stdout, { version: '1.1' }).map(document => document.toJS() as Manifest);
}

function problemWith(values: string): string {
  const { code, stderr } = helm(['template', 'x', chart, `--set-json=${values}`]);
  assert.notEqual(code, 0);
  return stderr;
}

const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;

helmTest('the manifests of deploy/gateway and deploy/monitoring are those of the chart', () => {
  const made = manifestsOfChart();
  assert.deepEqual(
    [...made.keys()].sort(),
    [
      ...['deployment', 'horizontal-pod-autoscaler', 'network-policy', 'pod-disruption-budget'],
      ...['rbac', 'service'],
    ]
      .map(name => `deploy/gateway/${name}.yaml`)
      .concat('deploy/monitoring/prometheus-rule.yaml'),
  );
  for (const [file, text] of made) {
    assert.equal(readFileSync(projectFile(file), 'utf8'), text, `${file}: run npm run manifests`);
  }
});

helmTest('helm lints the chart without a complaint', () => {
  const { code, stdout } = helm(['lint', '--strict', chart]);
  assert.equal(code, 0, stdout);
});

helmTest('two releases in one namespace share no object and no Pod', () => {
  const names = [...template({}, 'one'), ...template({}, 'two')].map(nameOf);
  assert.equal(new Set(names).size, names.length);
  const { labels } = only(template({}, 'one'), 'Deployment').spec.template.metadata;
  const { selector } = only(template({}, 'two'), 'Service').spec;
  assert.ok(Object.entries(selector).some(([label, value]) => labels[label] !== value));
});

/** Values of every kind except switches, and the part of the objects that each one changes. */
const settings: Readonly<Record<string, readonly [value: unknown, made: RegExp]>> = {
  'image.repository': ['registry.example/proxy', /"image":"registry\.example\/proxy@/],
  'image.digest': [`sha256:${'0'.repeat(64)}`, /proxy@sha256:0{64}"/],
  'image.pullPolicy': ['Always', /"imagePullPolicy":"Always"/],
  'image.pullSecrets': [[{ name: 'registry' }], /"imagePullSecrets":\[\{"name":"registry"\}\]/],
  'callers.users': [['bob'], /"resources":\["users"\],"resourceNames":\["bob"\]/],
  'callers.serviceAccounts': [
    [{ namespace: 'builds', name: 'ci' }],
    /"namespace":"builds",.+"resources":\["serviceaccounts"\],"resourceNames":\["ci"\]/,
  ],
  'callers.groups': [['system:authenticated'], /"resourceNames":\["system:authenticated"\]/],
  'tls.secretName': ['certificate', /"secretName":"certificate"/],
  acceptHosts: [['^gw\\.example$'], /,\^gw\\\\\.example\$"/],
  'limits.requestsInflightPerUser': [2_000_001, /--max-requests-inflight-per-user=2000001"/],
  'limits.longrunningRequestsPerUser': [2_000_002, /--max-longrunning-requests-per-user=2000002"/],
  extraArgs: [['--read-only'], /"--read-only"/],
  extraEnv: [[{ name: 'TZ', value: 'UTC' }], /"env":\[\{"name":"TZ","value":"UTC"\}\]/],
  extraVolumes: [[{ name: 'ca', emptyDir: {} }], /\{"emptyDir":\{\},"name":"ca"\}/],
  extraVolumeMounts: [[{ name: 'ca', mountPath: '/ca' }], /\{"mountPath":"\/ca","name":"ca"\}/],
  'shutdown.preStop': [11, /"sleep":\{"seconds":11\}/],
  'shutdown.delay': [12, /"--shutdown-delay=12s"/],
  'shutdown.grace': [13, /"--shutdown-grace=13s"/],
  'service.type': ['LoadBalancer', /"type":"LoadBalancer"/],
  'service.port': [8443, /"port":8443,"targetPort":"https"/],
  'service.annotations': [{ of: 'service' }, /"annotations":\{"of":"service"\}/],
  'service.loadBalancerSourceRanges': [['192.0.2.0/24'], /"loadBalancerSourceRanges":\["192\.0\.2\.0\/24"\]/],
  'autoscaling.minReplicas': [3, /"minReplicas":3/],
  'autoscaling.maxReplicas': [9, /"maxReplicas":9/],
  'autoscaling.averageCpu': ['800m', /"averageValue":"800m"/],
  resources: [{ limits: { memory: '1Gi' } }, /"memory":"1Gi"/],
  'networkPolicy.clients': [
    [{ ipBlock: { cidr: '192.0.2.1/32' } }],
    /192\.0\.2\.1\/32"\}\}\],"ports":\[.{16,20}"port":"https"/,
  ],
  'networkPolicy.monitoring': [
    [{ ipBlock: { cidr: '192.0.2.2/32' } }],
    /192\.0\.2\.2\/32"\}\}\],"ports":\[.{16,20}"port":"admin"/,
  ],
  'networkPolicy.egress': [
    [{ ports: [{ port: 1 }] }],
    /"policyTypes":\["Ingress","Egress"\],.+"egress":\[\{"ports":\[\{"port":1\}\]\}\]/,
  ],
  'serviceAccount.annotations': [{ of: 'account' }, /"annotations":\{"of":"account"\}/],
  'serviceMonitor.enabled': [true, /"kind":"ServiceMonitor"/],
  'serviceMonitor.labels': [{ release: 'prometheus' }, /"release":"prometheus"/],
  'prometheusRule.enabled': [true, /"kind":"PrometheusRule"/],
  'prometheusRule.labels': [{ rules: 'mine' }, /"rules":"mine"/],
  'dashboard.enabled': [true, /"kube-api-proxy\.json":"\{/],
  'dashboard.labels': [{ board: 'mine' }, /"board":"mine"/],
  podAnnotations: [{ of: 'pod' }, /"annotations":\{"of":"pod"\}/],
  podLabels: [{ team: 'a' }, /"team":"a"/],
  priorityClassName: ['high', /"priorityClassName":"high"/],
  nodeSelector: [{ disk: 'ssd' }, /"nodeSelector":\{"disk":"ssd"\}/],
  tolerations: [[{ operator: 'Exists' }], /"tolerations":\[\{"operator":"Exists"\}\]/],
  affinity: [{ nodeAffinity: {} }, /"affinity":\{"nodeAffinity":\{\}\}/],
  nameOverride: ['other', /"app\.kubernetes\.io\/name":"other"/],
  fullnameOverride: ['gateway', /"kind":"Deployment","metadata":\{"name":"gateway"/],
};

/** The switches, set to the other value, and the values that belong to them. */
const switches = {
  'image.tag': '9.9.9',
  auditLog: false,
  'autoscaling.enabled': false,
  replicas: 5,
  'podDisruptionBudget.enabled': false,
  'networkPolicy.enabled': false,
  'rbac.create': false,
};

helmTest('the chart uses every value, and the program accepts the arguments', () => {
  assert.deepEqual(
    chartValues(read('values.yaml'))
      .map(({ path }) => path)
      .sort(),
    [...Object.keys(settings), ...Object.keys(switches)].sort(),
  );
  const made = template(Object.fromEntries(Object.entries(settings).map(([path, [value]]) => [path, value])));
  const text = JSON.stringify(made);
  for (const [path, [, expected]] of Object.entries(settings)) assert.match(text, expected, path);
  const pod = only(made, 'Deployment').spec.template.spec;
  optionsOf(proxyOf(pod));
  assert.equal(pod.terminationGracePeriodSeconds, 11 + 12 + 13 + 5);

  const switched = template(switches);
  assert.deepEqual(switched.map(({ kind }) => kind).sort(), ['Deployment', 'Service', 'ServiceAccount']);
  const { replicas, template: pods } = only(switched, 'Deployment').spec;
  const proxy = proxyOf(pods.spec);
  assert.deepEqual([replicas, proxy.image], [5, 'kube-api-proxy:9.9.9']);
  assert.equal(optionsOf(proxy).auditLogPath, '');
});

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
  const bindings = made.filter(({ kind }) => kind === 'RoleBinding');
  assert.deepEqual(
    bindings.map(({ metadata, roleRef, subjects }) => [metadata.namespace, roleRef.kind, subjects]),
    ['builds', 'dashboards'].map(namespace => [
      namespace,
      'Role',
      [{ kind: 'ServiceAccount', name: 'kube-api-proxy', namespace: 'kube-api-proxy' }],
    ]),
  );
});

helmTest('an empty list of callers or peers admits nobody instead of everybody', () => {
  const made = template({ 'callers.users': [], 'callers.serviceAccounts': [] });
  assert.ok(!made.some(({ kind }) => kind === 'Role' || kind === 'RoleBinding'));
  for (const { resources = [], resourceNames = [] } of only(made, 'ClusterRole').rules) {
    for (const resource of ['users', 'serviceaccounts']) assert.ok(!resources.includes(resource));
    if (resources.includes('groups')) assert.ok(resourceNames.length > 0);
  }
  const { ingress } = only(template({ 'networkPolicy.clients': [] }), 'NetworkPolicy').spec;
  assert.deepEqual(
    ingress.map(({ ports }) => ports),
    [[{ protocol: 'TCP', port: 'admin' }]],
  );
});

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

helmTest('the chart rejects an unknown value and a value of another type', () => {
  assert.match(problemWith('image.tagg="1"'), /additional properties 'tagg' not allowed/);
  assert.match(problemWith('replicas="three"'), /at '\/replicas'/);
  assert.match(problemWith('callers.groups=["developers"]'), /system:authenticated/);
  assert.match(problemWith('callers.serviceAccounts=["dashboard"]'), /at '\/callers\/serviceAccounts\/0'/);
  assert.match(problemWith('callers.serviceAccounts=[{"name":"dashboard"}]'), /missing property 'namespace'/);
  assert.match(problemWith('acceptHosts=["a,b"]'), /at '\/acceptHosts\/0'/);
});

helmTest('the notes after an installation name the Secret, and warn of the example callers', () => {
  const notes = (...args: string[]) =>
    helm(['install', 'x', chart, '--dry-run=client', '--namespace=y', ...args]).stdout;
  assert.match(notes(), /create secret tls x-kube-api-proxy-tls/);
  assert.match(notes(), /WARNING: callers\.users/);
  assert.doesNotMatch(notes('--set-json=callers.users=["bob"]'), /WARNING/);
});

test('the chart has the version of the package', () => {
  const { version } = JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as { version: string };
  const { version: own, appVersion } = parse(read('Chart.yaml')) as Record<string, string>;
  assert.deepEqual([own, appVersion], [version, version]);
});

test('every value of the chart has a comment, an entry in the schema, and a row in the README', () => {
  const schema = JSON.parse(read('values.schema.json')) as Schema;
  for (const { path, comment } of chartValues(read('values.yaml'))) {
    assert.match(comment, /^\S.*\.$/, path);
    const found = path.split('.').reduce<Schema | undefined>((at, key) => at?.properties?.[key], schema);
    assert.ok(found, path);
  }
  assert.equal(writtenTable(read('README.md'), 'values'), tables.values());
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}
