import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { manifestsOfChart } from '../support/documents/chart-manifests.js';
import { chartValues } from '../support/documents/chart-values.js';
import { helm, helmTest } from '../support/documents/helm.js';
import { tables, writtenTable } from '../support/documents/readme-tables.js';
import { projectFile } from '../support/project.js';
import { type Manifest, only, optionsOf, proxyOf } from './manifests.js';

const chart = projectFile('deploy/helm/kube-api-proxy');
function read(file: string): string {
  return readFileSync(`${chart}/${file}`, 'utf8');
}

/** The fewest values that make a gateway. */
const least = { 'callers.mode': 'everyone' };

/** The chart's objects with these values. */
function template(
  values: Readonly<Record<string, unknown>> = {},
  release = 'kube-api-proxy',
  namespace = 'kube-api-proxy',
): Manifest[] {
  const sets = Object.entries({ ...least, ...values }).flatMap(([path, value]) => [
    '--set-json',
    `${path}=${JSON.stringify(value)}`,
  ]);
  const { code, stdout, stderr } = helm([
    ...['template', release, chart, `--namespace=${namespace}`],
    ...sets,
  ]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  // The API server reads 0440 as an octal number.
  return parseAllDocuments(stdout, { version: '1.1' }).map(document => document.toJS() as Manifest);
}

function problemWith(...values: readonly string[]): string {
  const { code, stderr } = helm(['template', 'x', chart, ...values.map(value => `--set-json=${value}`)]);
  assert.notEqual(code, 0);
  return stderr;
}

const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.namespace}/${metadata.name}`;

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

/** A text that the chart takes for a certificate. */
function certificate(content: string): string {
  return `-----BEGIN CERTIFICATE-----\n${content}\n-----END CERTIFICATE-----\n`;
}

/** Values of every kind except switches, and the part of the objects that each one changes. */
const settings: Readonly<Record<string, readonly [value: unknown, made: RegExp]>> = {
  'image.repository': ['registry.example/proxy', /"image":"registry\.example\/proxy@/],
  'image.digest': [`sha256:${'0'.repeat(64)}`, /proxy@sha256:0{64}"/],
  'image.pullPolicy': ['Always', /"imagePullPolicy":"Always"/],
  'image.pullSecrets': [[{ name: 'registry' }], /"imagePullSecrets":\[\{"name":"registry"\}\]/],
  'callers.mode': ['named', /"resources":\["users"\],"resourceNames":/],
  'callers.users': [['bob'], /"resources":\["users"\],"resourceNames":\["bob"\]/],
  'callers.serviceAccounts': [
    [{ namespace: 'builds', name: 'ci' }],
    /"namespace":"builds",.+"resources":\["serviceaccounts"\],"resourceNames":\["ci"\]/,
  ],
  'callers.groups': [
    ['system:authenticated', 'dev'],
    /"resources":\["groups"\],"resourceNames":\["system:authenticated","dev","system:serviceaccounts","system:serviceaccounts:builds"\]/,
  ],
  'oidc.issuerURL': ['https://login.example', /"--oidc-issuer-url=https:\/\/login\.example"/],
  'oidc.clientID': ['team', /"--oidc-client-id=team"/],
  'oidc.usernameClaim': ['name', /"--oidc-username-claim=name"/],
  'oidc.usernamePrefix': ['u:', /"--oidc-username-prefix=u:"/],
  'oidc.groupsClaim': ['roles', /"--oidc-groups-claim=roles"/],
  'oidc.groupsPrefix': ['g:', /"--oidc-groups-prefix=g:"/],
  'oidc.requiredClaims': [{ hd: 'example.com' }, /"--oidc-required-claim=hd=example\.com"/],
  'oidc.signingAlgs': [['RS256', 'ES256'], /"--oidc-signing-algs=RS256,ES256"/],
  'oidc.ca': [certificate('issuer'), /"oidc\.crt":"-----BEGIN CERTIFICATE-----\\nissuer\\n/],
  'tokens.secretName': ['people', /"name":"tokens","secret":\{"secretName":"people"/],
  clientCA: [certificate('clients'), /"clients\.crt":"-----BEGIN CERTIFICATE-----\\nclients\\n/],
  publicURL: ['https://gw.example:8443', /"--public-url=https:\/\/gw\.example:8443"/],
  'tls.secretName': ['certificate', /"secretName":"certificate"/],
  'tls.issuerRef': [
    { name: 'mine', kind: 'ClusterIssuer' },
    /"kind":"Certificate",.+"secretName":"certificate","issuerRef":\{"kind":"ClusterIssuer","name":"mine"\}/,
  ],
  'tls.names': [['gw.example', '192.0.2.7'], /"dnsNames":\["gw\.example"\],"ipAddresses":\["192\.0\.2\.7"\]/],
  acceptHosts: [['^other\\.example$'], /,\^gw\\\\\.example\$,\^other\\\\\.example\$"/],
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
  'ingress.enabled': [true, /"kind":"Ingress",.+"rules":\[\{"host":"gw\.example",/],
  'ingress.className': ['nginx', /"ingressClassName":"nginx"/],
  'ingress.annotations': [{ of: 'ingress' }, /"haproxy\.org\/ssl-passthrough":"true".*"of":"ingress"/],
  'tlsRoute.parentRefs': [
    [{ name: 'edge' }],
    /"kind":"TLSRoute",.+"parentRefs":\[\{"name":"edge"\}\],"hostnames":\["gw\.example"\]/,
  ],
  'service.annotations': [{ of: 'service' }, /"annotations":\{"of":"service"\}/],
  'service.loadBalancerSourceRanges': [['192.0.2.0/24'], /"loadBalancerSourceRanges":\["192\.0\.2\.0\/24"\]/],
  'autoscaling.minReplicas': [3, /"minReplicas":3/],
  'autoscaling.maxReplicas': [9, /"maxReplicas":9/],
  'autoscaling.averageCpu': ['800m', /"averageValue":"800m"/],
  resources: [{ limits: { memory: '1Gi' } }, /"memory":"1Gi"/],
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
  tokenReview: false,
  clientCA: certificate('clients'),
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
    [...new Set([...Object.keys(settings), ...Object.keys(switches), 'networkPolicy.clients'])].sort(),
  );
  const made = template(Object.fromEntries(Object.entries(settings).map(([path, [value]]) => [path, value])));
  const text = JSON.stringify(made);
  for (const [path, [, expected]] of Object.entries(settings)) assert.match(text, expected, path);
  const pod = only(made, 'Deployment').spec.template.spec;
  // Every method of authentication is on.
  const options = optionsOf(proxyOf(pod));
  assert.ok(options.authenticationTokenWebhook);
  assert.equal(options.tokenAuthFile, '/etc/kube-api-proxy/tokens/tokens.csv');
  assert.equal(options.clientCaFile, '/etc/kube-api-proxy/authorities/clients.crt');
  assert.equal(options.oidcCaFile, '/etc/kube-api-proxy/authorities/oidc.crt');
  assert.equal(pod.terminationGracePeriodSeconds, 11 + 12 + 13 + 5);

  const switched = template(switches);
  assert.deepEqual(switched.map(({ kind }) => kind).sort(), [
    ...['ConfigMap', 'Deployment', 'Secret', 'Service', 'ServiceAccount'],
  ]);
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
    assert.doesNotMatch(JSON.stringify(only(made, 'ClusterRole')), /tokenreviews|uids|userextras/);
    const { spec } = only(made, 'Deployment').spec.template;
    assert.deepEqual(
      spec.volumes?.map(({ name }) => name),
      ['tls'],
    );
    assert.equal(optionsOf(proxyOf(spec)).authenticationTokenWebhook, false);
    const withTokens = template({ tokenReview: false, 'tokens.secretName': 'people' });
    assert.match(JSON.stringify(only(withTokens, 'ClusterRole')), /"resources":\["uids"\]/);
  },
);

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

helmTest('the chart rejects an unknown value and a value of another type', () => {
  assert.match(problemWith('image.tagg="1"'), /additional properties 'tagg' not allowed/);
  assert.match(problemWith('replicas="three"'), /at '\/replicas'/);
  assert.match(problemWith('callers.mode="all"'), /at '\/callers\/mode'/);
  assert.match(problemWith('callers.serviceAccounts=["dashboard"]'), /at '\/callers\/serviceAccounts\/0'/);
  assert.match(problemWith('callers.serviceAccounts=[{"name":"dashboard"}]'), /missing property 'namespace'/);
  assert.match(problemWith('acceptHosts=["a,b"]'), /at '\/acceptHosts\/0'/);
  assert.match(problemWith('publicURL="http://gw.example"'), /at '\/publicURL'/);
  assert.match(problemWith('tls.issuerRef={"kind":"ClusterIssuer"}'), /missing property 'name'/);
  assert.match(problemWith('oidc.ca="/etc/issuer.crt"'), /at '\/oidc\/ca'/);
});

helmTest('the chart says which values do not belong together, all in one message', () => {
  assert.match(problemWith(), /callers\.mode has to be set\. `named`: .+ `everyone`: /);
  const problems: readonly (readonly [values: readonly string[], expected: RegExp])[] = [
    [
      ['callers.groups=[]'],
      /callers\.groups must contain system:authenticated: every caller is in this group/,
    ],
    [['callers.mode="named"'], /callers\.users and callers\.serviceAccounts are empty: nobody could come/],
    [['callers.users=["bob"]'], /callers\.users is for callers\.mode `named`/],
    [['tokenReview=false'], /Callers cannot authenticate: set at least one of oidc\.issuerURL, tokenReview/],
    [['oidc.issuerURL="https://login.example"'], /oidc\.issuerURL needs oidc\.clientID/],
    [['oidc.clientID="team"'], /oidc\.clientID needs oidc\.issuerURL/],
    [
      [
        'tokenReview=false',
        'clientCA="-----BEGIN CERTIFICATE-----"',
        'callers.serviceAccounts=[{"namespace":"a","name":"b"}]',
      ],
      /callers\.serviceAccounts needs tokenReview/,
    ],
    [['ingress.enabled=true'], /ingress\.enabled needs publicURL with a host name/],
    [
      ['tlsRoute.parentRefs=[{"name":"edge"}]', 'publicURL="https://192.0.2.1"'],
      /tlsRoute\.parentRefs needs publicURL/,
    ],
    [['extraArgs=["--port=1"]'], /extraArgs sets --port, which the chart sets too/],
    [
      ['extraArgs=["--public_url=https://a.example"]', 'publicURL="https://gw.example"'],
      /extraArgs sets --public-url/,
    ],
  ];
  for (const [values, expected] of problems) {
    const problem = problemWith('callers.mode="everyone"', ...values);
    assert.match(problem, expected);
    assert.equal(problem.match(/^- /gm)?.length, 1, problem);
  }
  assert.equal(problemWith('oidc.clientID="team"', 'extraArgs=["--port=1"]').match(/^- /gm)?.length, 3);
  const { spec } = only(template({ extraArgs: ['--public-url=https://a.example'] }), 'Deployment').spec
    .template;
  assert.equal(optionsOf(proxyOf(spec)).publicUrl, 'https://a.example');
});

function notes(...values: readonly string[]): string {
  const args = [
    'install',
    'x',
    chart,
    '--dry-run=client',
    '--namespace=y',
    ...values.map(value => `--set-json=${value}`),
  ];
  const { code, stdout, stderr } = helm(args);
  assert.equal(code, 0, stderr);
  return stdout.slice(stdout.indexOf('NOTES:'));
}

helmTest(
  'the notes after an installation lead to a first kubectl get pods, for each way in and each method',
  () => {
    const everyone = 'callers.mode="everyone"';
    const oidc = ['oidc.issuerURL="https://login.example"', 'oidc.clientID="team"'];
    const inside = notes(everyone, ...oidc);
    assert.match(inside, /port-forward service\/x-kube-api-proxy 8443:443$/m);
    assert.match(inside, /get secret x-kube-api-proxy-tls --output jsonpath/);
    assert.match(
      inside,
      /curl --fail --silent --cacert ca\.crt https:\/\/localhost:8443\/-\/kubeconfig > gw\.yaml$/m,
    );
    assert.match(
      inside,
      /create rolebinding first-person --clusterrole=view --user='https:\/\/login\.example#SUB'$/m,
    );
    assert.match(inside, /kubectl krew install oidc-login\n\n +kubectl --kubeconfig gw\.yaml get pods$/m);
    assert.match(inside, /WARNING: callers\.mode is `everyone`/);
    assert.match(inside, /kube-api-proxy=client/);

    const email = notes(everyone, ...oidc, 'oidc.usernameClaim="email"', 'oidc.usernamePrefix="o:"');
    assert.match(email, /--user='o:alice@example\.com'$/m);
    const balanced = notes(
      everyone,
      ...oidc,
      'service.type="LoadBalancer"',
      'publicURL="https://gw.example/"',
    );
    assert.match(balanced, /get service x-kube-api-proxy$/m);
    assert.match(balanced, /--cacert ca\.crt https:\/\/gw\.example\/-\/kubeconfig/);
    assert.doesNotMatch(balanced, /port-forward|kube-api-proxy=client/);
    assert.match(
      notes(everyone, 'service.type="LoadBalancer"'),
      /--reuse-values --set publicURL=https:\/\/NAME/,
    );

    const account = 'callers.serviceAccounts=[{"namespace":"dashboards","name":"dashboard"}]';
    const named = notes('callers.mode="named"', account, 'tls.secretName="mine"', 'rbac.create=false');
    assert.match(named, /first-person --clusterrole=view --serviceaccount=dashboards:dashboard$/m);
    assert.match(named, /--token "\$\(kubectl --namespace dashboards create token dashboard\)"$/m);
    assert.match(named, /Pods wait until this Secret is there/);
    assert.match(named, /WARNING: rbac\.create is false.* impersonate callers and create TokenReviews\.$/m);
    assert.doesNotMatch(named, /everyone|ends on/);
  },
);

helmTest('the commands and the values that the documents show make a gateway', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'values-'));
  t.after(() => rm(folder, { recursive: true }));
  const documents = ['gateway/README.md', 'helm/kube-api-proxy/README.md'].map(file =>
    readFileSync(projectFile(`deploy/${file}`), 'utf8'),
  );
  const commands = documents.flatMap(text => text.match(/^ *helm install (?:.*\\\n)*.*$/gm) ?? []);
  const examples = [...read('README.md').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)];
  assert.ok(commands.length >= 2 && examples.length >= 2);
  for (const command of commands) {
    const [, , release = '', , ...args] = command.trim().split(/[\s\\]+/);
    const { code, stderr } = helm(['template', release, chart, ...args]);
    assert.equal(code, 0, stderr);
  }
  for (const [, values = ''] of examples) {
    const file = join(folder, 'values.yaml');
    await writeFile(file, values);
    const mode = values.includes('mode:') ? [] : ['--set=callers.mode=everyone'];
    const { code, stderr } = helm(['template', 'gw', chart, `--values=${file}`, ...mode]);
    assert.equal(code, 0, stderr);
  }
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
