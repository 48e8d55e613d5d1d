import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chartValues } from '../support/documents/chart-values.js';
import { generatedParts, writtenPart } from '../support/documents/generated-parts.js';
import { helm, helmTest } from '../support/documents/helm.js';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { chart, template } from './chart.js';
import { only, optionsOf, proxyOf } from './manifests.js';

function read(file: string): string {
  return readFileSync(`${chart}/${file}`, 'utf8');
}

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
  'callers.dropOtherGroups': [true, /"--accept-group=system:authenticated","--accept-group=dev"/],
  'impersonation.enabled': [true, /"--allow-impersonation"/],
  'impersonation.users': [['jane'], /"resources":\["users"\],"resourceNames":\["jane"\]/],
  'impersonation.groups': [['ops'], /"resources":\["groups"\],"resourceNames":\["ops"\]/],
  'impersonation.serviceAccounts': [
    [{ namespace: 'shop', name: 'robot' }],
    /"namespace":"shop",.+"resources":\["serviceaccounts"\],"resourceNames":\["robot"\]/,
  ],
  'impersonation.extraKeys': [['scopes'], /"resources":\["userextras\/scopes"\],"verbs":\["impersonate"\]/],
  'oidc.issuerURL': ['https://login.example', /"--oidc-issuer-url=https:\/\/login\.example"/],
  'oidc.clientID': ['team', /"--oidc-client-id=team"/],
  'oidc.usernameClaim': ['name', /"--oidc-username-claim=name"/],
  'oidc.usernamePrefix': ['u:', /"--oidc-username-prefix=u:"/],
  'oidc.groupsClaim': ['roles', /"--oidc-groups-claim=roles"/],
  'oidc.groupsPrefix': ['g:', /"--oidc-groups-prefix=g:"/],
  'oidc.requiredClaims': [{ hd: 'example.com' }, /"--oidc-required-claim=hd=example\.com"/],
  'oidc.signingAlgs': [['RS256', 'ES256'], /"--oidc-signing-algs=RS256,ES256"/],
  'signIn.enabled': [true, /"--explorer-sign-in"/],
  'signIn.scopes': [['openid', 'email'], /"--sign-in-scopes=openid,email"/],
  'oidc.ca': [certificate('issuer'), /"oidc\.crt":"-----BEGIN CERTIFICATE-----\\nissuer\\n/],
  'tokens.secretName': ['people', /"name":"tokens","secret":\{"secretName":"people"/],
  clientCA: [certificate('clients'), /"clients\.crt":"-----BEGIN CERTIFICATE-----\\nclients\\n/],
  publicURL: ['https://gw.example:8443', /"--public-url=https:\/\/gw\.example:8443"/],
  'authorization.config': [{ authorizers: [{ name: 'policy' }] }, /"--authorization-config=/],
  'authorization.kubeconfigSecret': ['hooks', /"secretName":"hooks"/],
  'tls.secretName': ['certificate', /"secretName":"certificate"/],
  'tls.issuerRef': [
    { name: 'mine', kind: 'ClusterIssuer' },
    /"kind":"Certificate",.+"secretName":"certificate","issuerRef":\{"kind":"ClusterIssuer","name":"mine"\}/,
  ],
  'tls.names': [['gw.example', '192.0.2.7'], /"dnsNames":\["gw\.example"\],"ipAddresses":\["192\.0\.2\.7"\]/],
  acceptHosts: [['^other\\.example$'], /,\^gw\\\\\.example\$,\^other\\\\\.example\$"/],
  trustedProxies: [['10.0.0.0/8', 'fd00::/8'], /"--trusted-proxies=10\.0\.0\.0\/8,fd00::\/8"/],
  'limits.requestsInflightPerUser': [2_000_001, /--max-requests-inflight-per-user=2000001"/],
  'streams.endAtExpiry': ['10m', /--end-streams-at-expiry=10m"/],
  'namespaces.filter': [
    true,
    /"resources":\["roles","clusterroles","rolebindings","clusterrolebindings"\].+"--filter-namespaces"/,
  ],
  'clusters.from': [
    ['cluster-api:fleet'],
    /"kind":"Role".+"namespace":"fleet".+"resources":\["secrets"\].+"--clusters-from=cluster-api:fleet"/,
  ],
  'streams.recheck': ['60s', /--recheck-streams=60s"/],
  'sharedWatches.acrossUsers': [
    true,
    /"resources":\["apiservices"\].+"--share-watches","--share-watches-across-users"/,
  ],
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
  'tracing.endpoint': ['http://collector:4318', /"--tracing-endpoint=http:\/\/collector:4318"/],
  'tracing.samplingRatePerMillion': [7, /"--tracing-sampling-rate-per-million=7"/],
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

/** Those of constrained impersonation, which replaces what some of the settings make. */
const constrained = {
  'rbac.impersonation': 'constrained',
  'rbac.acts': [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] }],
  'rbac.namespaces': ['team'],
};

/** The switches, set to the other value, and the values that belong to them. */
const switches = {
  'image.tag': '9.9.9',
  tokenReview: false,
  authenticationConfig: {
    jwt: [
      {
        issuer: { url: 'https://login.example', audiences: ['team'] },
        claimMappings: { username: { claim: 'sub', prefix: '' } },
      },
    ],
  },
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
    [...new Set([...[settings, switches, constrained].flatMap(Object.keys), 'networkPolicy.clients'])].sort(),
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
    ...['ConfigMap', 'ConfigMap', 'Deployment', 'Secret', 'Service', 'ServiceAccount'],
  ]);
  const { replicas, template: pods } = only(switched, 'Deployment').spec;
  const proxy = proxyOf(pods.spec);
  assert.deepEqual([replicas, proxy.image], [5, 'kube-api-proxy:9.9.9']);
  assert.equal(optionsOf(proxy).auditLogPath, '');
  assert.equal(optionsOf(proxy).authenticationConfig, '/etc/kube-api-proxy/authentication/config.yaml');

  const acts = template(constrained).find(({ kind }) => kind === 'RoleBinding');
  assert.equal(acts?.metadata.namespace, 'team');
  assert.match(
    JSON.stringify(template(constrained)),
    /"deployments"\],"verbs":\["impersonate-on:user-info:get"\]/,
  );
});

helmTest('the commands and the values that the documents show make a gateway', async () => {
  const folder = temporaryFolder();
  const documents = ['gateway/README.md', 'helm/kube-api-proxy/README.md'].map(file =>
    readFileSync(projectFile(`deploy/${file}`), 'utf8'),
  );
  const commands = documents.flatMap(text => text.match(/^ *helm install (?:.*\\\n)*.*$/gm) ?? []);
  const examples = [...read('README.md').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)];
  assert.ok(commands.length >= 2 && examples.length >= 2);
  for (const command of commands) {
    const [, , release = '', , ...args] = command
      .replaceAll("'", '')
      .trim()
      .split(/[\s\\]+/);
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

test('every value of the chart has a comment, an entry in the schema, and an entry in the README', () => {
  const schema = JSON.parse(read('values.schema.json')) as Schema;
  for (const { path, comment } of chartValues(read('values.yaml'))) {
    assert.match(comment, /^\S.*\.$/, path);
    const found = path.split('.').reduce<Schema | undefined>((at, key) => at?.properties?.[key], schema);
    assert.ok(found, path);
  }
  assert.equal(writtenPart(read('README.md'), 'values'), generatedParts.values());
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}
