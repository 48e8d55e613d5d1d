import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse, parseDocument } from 'yaml';
import { definitionOf, type OptionKey, optionKeys } from '../../src/options/table.js';
import { helm, helmTest } from '../support/documents/helm.js';
import { chart, template } from './chart.js';
import { only, optionsOf, proxyOf } from './manifests.js';

function problemWith(...values: readonly string[]): string {
  const { code, stderr } = helm(['template', 'x', chart, ...values.map(value => `--set-json=${value}`)]);
  assert.notEqual(code, 0);
  return stderr;
}

helmTest('the chart rejects an unknown value and a value of another type', () => {
  const problem = problemWith(
    ...['image.tagg="1"', 'replicas="three"', 'callers.mode="all"', 'acceptHosts=["a,b"]'],
    ...['callers.serviceAccounts=["dashboard",{"name":"dashboard"}]', 'publicURL="http://gw.example"'],
    ...['tls.issuerRef={"kind":"ClusterIssuer"}', 'clusters.from=["cluster-api:*"]'],
    'oidc.ca="/etc/issuer.crt"',
  );
  for (const expected of [
    ...[/additional properties 'tagg' not allowed/, /at '\/replicas'/, /at '\/callers\/mode'/],
    ...[/at '\/acceptHosts\/0'/, /at '\/callers\/serviceAccounts\/0'/, /at '\/publicURL'/],
    /at '\/callers\/serviceAccounts\/1': missing property 'namespace'/,
    ...[/missing property 'name'/, /at '\/clusters\/from\/0'/, /at '\/oidc\/ca'/],
  ])
    assert.match(problem, expected);
});

helmTest('the chart says which values do not belong together, all in one message', () => {
  assert.match(problemWith(), /callers\.mode has to be set\. `named`: .+ `everyone`: /);
  const issuer = 'oidc.issuerURL="https://login.example"';
  for (const [values, expected] of [
    [
      [
        ...['callers.groups=[]', 'callers.users=["bob"]', 'oidc.clientID="team"'],
        ...['signIn.enabled=true', 'signIn.scopes=["openid"]', 'impersonation.groups=["testers"]'],
        ...['authorization.config={"authorizers":[{}]}', 'ingress.enabled=true', 'extraArgs=["--port=1"]'],
      ],
      [
        /callers\.groups must contain system:authenticated: every caller is in this group/,
        /callers\.users is for callers\.mode `named`/,
        /oidc\.clientID needs oidc\.issuerURL/,
        /signIn\.enabled needs an issuer/,
        /signIn\.scopes needs an issuer/,
        /impersonation\.groups needs impersonation\.enabled/,
        /authorization\.config needs authorization\.kubeconfigSecret/,
        /ingress\.enabled needs publicURL with a host name/,
        /extraArgs sets --port, which the chart sets too/,
      ],
    ],
    [
      [
        ...['tokenReview=false', 'authorization.kubeconfigSecret="hooks"', 'impersonation.enabled=true'],
        ...['impersonation.users=["carol"]', 'publicURL="https://192.0.2.1"'],
        ...['tlsRoute.parentRefs=[{"name":"edge"}]', 'extraArgs=["--public_url=https://a.example"]'],
      ],
      [
        /Callers cannot authenticate: set at least one of oidc\.issuerURL, authenticationConfig, tokenReview/,
        /authorization\.kubeconfigSecret needs authorization\.config/,
        /impersonation\.users is for callers\.mode `named`/,
        /tlsRoute\.parentRefs needs publicURL/,
        /extraArgs sets --public-url/,
      ],
    ],
    [
      ['callers.mode="named"', issuer],
      [
        /callers\.users and callers\.serviceAccounts are empty: nobody could come/,
        /oidc\.issuerURL needs oidc\.clientID/,
      ],
    ],
    [
      [
        ...['tokenReview=false', 'callers.serviceAccounts=[{"namespace":"a","name":"b"}]'],
        ...[issuer, 'oidc.clientID="team"', 'authenticationConfig={"jwt":[]}'],
      ],
      [/callers\.serviceAccounts needs tokenReview/, /authenticationConfig and oidc cannot be used together/],
    ],
  ] as const) {
    const problem = problemWith('callers.mode="everyone"', ...values);
    for (const each of expected) assert.match(problem, each);
    assert.equal(problem.match(/^- /gm)?.length, expected.length, problem);
  }
  const { spec } = only(template({ extraArgs: ['--public-url=https://a.example'] }), 'Deployment').spec
    .template;
  assert.equal(optionsOf(proxyOf(spec)).publicUrl, 'https://a.example');
});

function notes(...values: readonly string[]): string {
  const args = [
    ...['install', 'x', chart, '--dry-run=client', '--namespace=y'],
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
    assert.match(inside, /curl -fsS --cacert ca\.crt https:\/\/localhost:8443\/-\/kubeconfig > gw\.yaml$/m);
    assert.match(
      inside,
      /create rolebinding first-person --clusterrole=view --user='https:\/\/login\.example#SUB'$/m,
    );
    assert.match(inside, /kubectl krew install oidc-login\n\n.* auth whoami\n +kubectl .* get pods$/m);
    assert.match(
      inside,
      /Groups of the issuer do not count yet[\s\S]*'callers\.groups=\{system:authenticated,oidc:GROUP\}'$/m,
    );
    assert.match(inside, /WARNING: callers\.mode is `everyone`/);
    assert.match(inside, /kube-api-proxy=client/);

    const email = notes(everyone, ...oidc, 'oidc.usernameClaim="email"', 'oidc.usernamePrefix="o:"');
    assert.match(email, /--user='o:alice@example\.com'$/m);
    const claim = 'oidc.groupsClaim="roles"';
    assert.match(
      notes(everyone, ...oidc, claim),
      /WARNING: callers\.groups has no group of the issuer[\s\S]*groupsClaim=roles[\s\S]*authenticated,GROUP\}'$/m,
    );
    const groups = notes(everyone, ...oidc, claim, 'callers.groups=["system:authenticated","o:dev"]');
    assert.match(groups, /create rolebinding first-group --clusterrole=view --group='o:dev'$/m);
    assert.doesNotMatch(groups, /no group of the issuer|do not count yet/);
    const balanced = notes(
      everyone,
      ...oidc,
      'service.type="LoadBalancer"',
      'publicURL="https://gw.example/"',
    );
    assert.match(balanced, /get service x-kube-api-proxy$/m);
    assert.match(balanced, /--cacert ca\.crt https:\/\/gw\.example\/-\/kubeconfig/);
    assert.doesNotMatch(balanced, /port-forward|kube-api-proxy=client/);
    // An Ingress that the chart has not made.
    const own = notes(everyone, ...oidc, 'publicURL="https://gw.example"');
    assert.match(
      own,
      /People use https:\/\/gw\.example\. Point this name at the address of what you have in front/,
    );
    assert.match(own, /--cacert ca\.crt https:\/\/gw\.example\/-\/kubeconfig/);
    assert.doesNotMatch(own, /no address outside|port-forward/);
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

    const constrained = 'rbac.impersonation="constrained"';
    const reader = notes(everyone, constrained, 'rbac.acts="readOnly"');
    assert.match(reader, /may act as those who may come for what rbac\.acts names, and for\nnothing else/);
    assert.doesNotMatch(reader, /as good as an administrator/);
    for (const values of [[], [constrained, 'rbac.acts="all"']])
      assert.match(
        notes(everyone, ...values),
        /is as good as an administrator[\s\S]*constrained-impersonation\.md\.$/m,
      );
    assert.match(
      notes(everyone, constrained, 'rbac.create=false'),
      /WARNING: rbac\.create is false.* impersonate callers by constrained impersonation and create TokenReviews\.$/m,
    );
  },
);

const bounds = parse(await readFile(`${chart}/files/bounds.yaml`, 'utf8')) as Readonly<
  Record<string, { readonly value?: string }>
>;

test("the chart's list of bounds has each duration and number that the program knows", () => {
  const ofNumbers = ['DURATION', 'N', 'PORT', 'SIZE'];
  const known = [...optionKeys].flatMap(([flag, key]) =>
    ofNumbers.includes(definitionOf(key).type.placeholder ?? '') ? [`--${flag}`] : [],
  );
  assert.deepEqual(Object.keys(bounds), known);
  assert.ok(known.length > 10);
});

helmTest(
  'the chart rejects a duration or number that the program would reject, by the name of the value that sets it',
  async () => {
    const texts = [
      ...['0', '5', '-1', '+5', '1.5', '00', '65535', '65536', '999999999', '1000000000', '1e3', '0x10'],
      ...[
        '5s',
        '10s',
        '9.999s',
        '-5s',
        '+10s',
        '1h30m',
        '10000ms',
        '9999ms',
        '.5h',
        '1.h',
        '1e3s',
        '5 s',
        's',
        '1s2',
      ],
      ...[
        '10000000us',
        '10000000µs',
        '9999999µs',
        '10µ',
        '256Mi',
        '256MiB',
        '1k',
        '1ki',
        '1K',
        'x',
        'none',
        '0s',
        '-0',
      ],
    ];
    const tried = Object.keys(bounds).flatMap(flag => texts.map(text => [flag, text] as const));
    const rejectedByProgram = tried.filter(([flag, text]) => {
      const { type } = definitionOf(optionKeys.get(flag.slice(2)) as OptionKey);
      return 'problems' in type.parse(text, flag);
    });
    const args = JSON.stringify(tried.map(([flag, text]) => `${flag}=${text}`));
    const lines = problemWith('callers.mode="everyone"', `extraArgs=${args}`);
    const rejectedByChart = [...lines.matchAll(/^- extraArgs: (--[\w-]+): "(.*)" is .*\.$/gm)];
    assert.deepEqual(
      rejectedByChart.map(([, flag, text]) => [flag, text]),
      rejectedByProgram,
    );
    for (const [value, text, expected] of [
      ['streams.recheck', '"5s"', '"5s" is less than 10s'],
      ['streams.recheck', '"0"', '"0" is less than 10s'],
      ['limits.requestsInflightPerUser', '1000000000', '"1000000000" is not a whole number of 0 or more'],
    ] as const)
      assert.ok(
        problemWith('callers.mode="everyone"', `${value}=${text}`).includes(`- ${value}: ${expected}.\n`),
      );
    const values = parseDocument(await readFile(`${chart}/values.yaml`, 'utf8'));
    for (const { value } of Object.values(bounds))
      assert.ok(value === undefined || values.hasIn(value.split('.')), value);
  },
);
