import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { helm, helmTest } from '../support/documents/helm.js';
import { chart, template } from './chart.js';
import { type Manifest, only, optionsOf, proxyOf, type Rule } from './manifests.js';

const accounts = [{ namespace: 'builds', name: 'ci' }];
const constrained = { 'rbac.impersonation': 'constrained', 'rbac.acts': 'readOnly' };
const files = parse(readFileSync(`${chart}/files/acts.yaml`, 'utf8')) as Readonly<Record<string, Rule[]>>;

function rulesOf(made: readonly Manifest[], name = ''): Rule[] {
  return made
    .filter(({ kind, metadata }) => /Role$/.test(kind) && metadata.name.endsWith(name))
    .flatMap(({ rules }) => rules);
}

function verbsOf(made: readonly Manifest[]): string[] {
  return [...new Set(rulesOf(made).flatMap(({ verbs }) => verbs))].sort();
}

/** What the chart says about these values, a problem in each line. */
function problemsWith(values: Readonly<Record<string, unknown>>): readonly string[] {
  const sets = Object.entries({ 'callers.mode': 'everyone', ...values }).map(
    ([path, value]) => `--set-json=${path}=${JSON.stringify(value)}`,
  );
  const { stderr } = helm(['template', 'x', chart, ...sets]);
  return [...stderr.matchAll(/^- (.*)$/gm)].map(([, problem = '']) => problem);
}

helmTest(
  'by default the gateway impersonates by the verb impersonate, and sends service accounts whole',
  () => {
    const made = template({ 'callers.serviceAccounts': accounts });
    assert.deepEqual(verbsOf(made), ['create', 'impersonate']);
    assert.equal(
      optionsOf(proxyOf(only(made, 'Deployment').spec.template.spec)).serviceAccountsByName,
      false,
    );
  },
);

helmTest(
  'with constrained impersonation the gateway has no verb impersonate, and acts only for what roles name',
  () => {
    const made = template({
      ...constrained,
      ...{ 'callers.serviceAccounts': accounts, 'callers.groups': ['system:authenticated', 'dev'] },
      ...{ 'impersonation.enabled': true, 'impersonation.groups': ['ops'] },
      'impersonation.extraKeys': ['acme.com/team'],
      'oidc.issuerURL': 'https://login.example',
      'oidc.clientID': 'team',
    });
    const on = (...verbs: string[]) =>
      ['user-info', 'serviceaccount'].flatMap(mode => verbs.map(verb => `impersonate-on:${mode}:${verb}`));
    assert.deepEqual(
      verbsOf(made),
      [
        'create',
        'impersonate:serviceaccount',
        'impersonate:user-info',
        ...on('create', 'get', 'list', 'watch'),
      ].sort(),
    );
    const values = rulesOf(made).filter(({ verbs }) => verbs.some(verb => verb.startsWith('impersonate:')));
    assert.deepEqual(
      values.flatMap(({ apiGroups, resources = [], resourceNames, verbs }) => {
        assert.deepEqual([apiGroups, verbs.length], [['authentication.k8s.io'], 1]);
        return resources.map(resource => [resource, ...(resourceNames ?? [])].join());
      }),
      [
        ...['users', 'groups,system:authenticated,dev', 'uids'],
        'userextras/authentication.kubernetes.io/credential-id',
        ...['groups,ops', 'userextras/acme.com/team', 'serviceaccounts,ci'],
      ],
    );
    const acts = rulesOf(made, ':acts');
    assert.deepEqual(
      acts.map(rule => ({ ...rule, verbs: undefined })),
      files['readOnly']?.map(rule => ({ ...rule, verbs: undefined })),
    );
    for (const { verbs } of acts) assert.deepEqual(verbs, on('get', 'list', 'watch'));
    const bindings = made.filter(({ roleRef }) => roleRef?.name.endsWith(':acts'));
    assert.deepEqual(
      bindings.map(({ kind }) => kind),
      ['ClusterRoleBinding'],
    );
    assert.equal(optionsOf(proxyOf(only(made, 'Deployment').spec.template.spec)).serviceAccountsByName, true);
  },
);

helmTest('the rules for reading name no Secret, no token and nothing that a GET runs or connects', () => {
  const core = files['readOnly']?.filter(({ apiGroups }) => apiGroups?.includes('')) ?? [];
  const resources = core.flatMap(rule => rule.resources ?? []);
  assert.ok(resources.includes('pods') && resources.length > 20);
  for (const resource of resources)
    assert.doesNotMatch(resource, /\*|secrets|token|exec|attach|portforward|proxy/);
  for (const { apiGroups, verbs } of files['readOnly'] ?? []) {
    assert.ok(!apiGroups?.includes('*') && !apiGroups?.includes('authentication.k8s.io'));
    assert.deepEqual(verbs, ['get', 'list', 'watch']);
  }
  for (const { verbs } of files['all'] ?? []) assert.ok(verbs.length > 5 && !verbs.includes('*'));
});

helmTest('the gateway acts as nobody whom the values do not name, with constrained impersonation too', () => {
  const named = { ...constrained, 'callers.mode': 'named' };
  const people = template({ ...named, 'callers.users': ['bob'] });
  assert.ok(!verbsOf(people).some(verb => verb.includes('serviceaccount')));
  for (const { resources = [], resourceNames } of rulesOf(people))
    if (resources.includes('users')) assert.deepEqual(resourceNames, ['bob']);
  const robots = template({ ...named, 'callers.serviceAccounts': accounts });
  assert.ok(!verbsOf(robots).some(verb => verb.includes('user-info')));
  const role = robots.find(({ kind }) => kind === 'Role');
  assert.deepEqual(
    [role?.metadata.namespace, role?.rules],
    [
      'builds',
      [
        {
          apiGroups: ['authentication.k8s.io'],
          resources: ['serviceaccounts'],
          resourceNames: ['ci'],
          verbs: ['impersonate:serviceaccount'],
        },
      ],
    ],
  );
});

helmTest('rules of rbac.acts have plain verbs, and count in rbac.namespaces alone if there are some', () => {
  const rules = [
    { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['web'], verbs: ['get', 'patch'] },
    { apiGroups: ['acme.com', ''], resources: ['null', 'a: b', "'", 'x #'], verbs: ['list'] },
  ];
  const made = template({ ...constrained, 'rbac.acts': rules, 'rbac.namespaces': ['a', 'b'] });
  assert.deepEqual(rulesOf(made, ':acts'), [
    { ...rules[0], verbs: ['impersonate-on:user-info:get', 'impersonate-on:user-info:patch'] },
    { ...rules[1], verbs: ['impersonate-on:user-info:list'] },
  ]);
  const bindings = made.filter(({ roleRef }) => roleRef?.name.endsWith(':acts'));
  assert.deepEqual(
    bindings.map(({ kind, metadata }) => [kind, metadata.namespace]),
    [
      ['RoleBinding', 'a'],
      ['RoleBinding', 'b'],
    ],
  );
});

helmTest(
  'the chart rejects rules that give away more than they seem to, and values that do not belong together',
  () => {
    const rule = { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] };
    const core = { ...rule, apiGroups: [''] };
    const acts = (...rules: object[]) => ({ ...constrained, 'rbac.acts': rules });
    const webSocket = /resources of the core group may not be `\*`: it has exec, .*over a WebSocket/;
    const verb = /the verb ".*" is none of a request/;
    const rules: readonly (readonly [rule: object, expected: RegExp])[] = [
      [{ ...rule, apiGroups: ['*'] }, /apiGroups may not be `\*`/],
      [{ ...rule, apiGroups: ['apps', '*'] }, /apiGroups may not be `\*`/],
      [{ ...rule, verbs: ['get', '*'] }, /verbs may not be `\*`/],
      [{ ...core, resources: ['*'] }, webSocket],
      [{ ...core, apiGroups: ['apps', ''], resources: ['pods', '*'] }, webSocket],
      [{ ...core, resources: ['*/exec'] }, webSocket],
      [{ ...core, resources: ['pods/*'] }, webSocket],
      [{ ...rule, verbs: ['impersonate-on:user-info:get'] }, verb],
      [{ ...rule, verbs: ['impersonate:user-info'] }, verb],
      [{ ...rule, verbs: ['GET'] }, verb],
      [{ ...rule, verbs: ['impersonate'] }, /the verb impersonate, .* whatever its callers may/],
      [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }, /nonResourceURLs are in no namespace/],
    ];
    const problems = problemsWith({ ...acts(...rules.map(([each]) => each)), 'rbac.namespaces': ['a'] });
    assert.equal(problems.length, rules.length, problems.join('\n'));
    for (const [index, [, { source }]] of rules.entries())
      assert.match(problems[index] ?? '', new RegExp(`^rbac\\.acts\\[${index}\\]: .*${source}`));

    const namespaces = { ...core, resources: ['namespaces'] };
    const filter = /^namespaces\.filter needs the verb get for all namespaces in rbac\.acts/;
    const issuer = { url: 'https://login.example', audiences: ['team'] };
    const username = { username: { claim: 'sub', prefix: '' } };
    const key = /takes no extra field ".*": a key needs the form domain\/path in lower case/;
    for (const [values, ...expected] of [
      [
        { 'rbac.acts': 'readOnly', 'rbac.namespaces': ['a'] },
        /^rbac\.acts is for rbac\.impersonation `constrained`/,
        /^rbac\.namespaces is for rbac\.impersonation `constrained`/,
      ],
      [{ 'rbac.impersonation': 'constrained' }, /^rbac\.acts has to be set/],
      [{ ...constrained, 'rbac.create': false }, /^rbac\.acts needs rbac\.create/],
      [{ ...acts(rule), 'namespaces.filter': true }, filter],
      [{ ...constrained, 'rbac.namespaces': ['a'], 'namespaces.filter': true }, filter],
      [{ ...acts({ ...namespaces, verbs: ['list'] }), 'namespaces.filter': true }, filter],
      [{ ...acts({ ...namespaces, resourceNames: ['a'] }), 'namespaces.filter': true }, filter],
      [
        {
          ...{
            ...constrained,
            'impersonation.enabled': true,
            'impersonation.extraKeys': ['scopes', 'Acme.com/a'],
          },
          authenticationConfig: {
            jwt: [{ issuer, claimMappings: { ...username, extra: [{ key: 'acme.com/A' }] } }],
          },
          'callers.groups': ['system:authenticated', 'system:masters'],
        },
        ...[key, key, key, /never takes the group system:masters/],
      ],
    ] as readonly (readonly [object, ...RegExp[]])[]) {
      const found = [...problemsWith(values as Readonly<Record<string, unknown>>)];
      for (const each of expected) {
        const at = found.findIndex(problem => each.test(problem));
        assert.ok(at >= 0, `${each} in ${found.join('\n')}`);
        found.splice(at, 1);
      }
      assert.deepEqual(found, [], JSON.stringify(values));
    }
    for (const values of [
      { ...constrained, 'namespaces.filter': true },
      { ...constrained, 'rbac.acts': 'all', 'namespaces.filter': true },
      { ...acts(rule, namespaces), 'namespaces.filter': true },
      acts(
        { ...rule, resources: ['*', '*/scale'] },
        { nonResourceURLs: ['/metrics', '/livez/*'], verbs: ['get'] },
        { ...core, resources: ['pods', 'pods/exec'], verbs: ['get', 'create'] },
      ),
      { 'rbac.impersonation': 'constrained', 'rbac.create': false },
    ])
      assert.deepEqual(problemsWith(values), [], JSON.stringify(values));
  },
);

helmTest('the schema of rbac.acts takes one of two words, or rules of one kind', () => {
  const rule = { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] };
  const rules = [
    ...[{}, { ...rule, verbs: [] }, { ...rule, verbs: undefined }, { ...rule, resources: undefined }],
    ...[
      { ...rule, nonResourceURLs: ['/a'] },
      { ...rule, namespaces: ['a'] },
    ],
    { nonResourceURLs: ['/a'], resourceNames: ['a'], verbs: ['get'] },
  ];
  for (const acts of ['readonly', [], 7, rules]) {
    const set = `--set-json=rbac.acts=${JSON.stringify(acts)}`;
    const { stderr } = helm(['template', 'x', chart, '--set=callers.mode=everyone', set]);
    assert.match(stderr, /\/rbac\/acts/, set);
    if (acts === rules)
      for (const index of rules.keys())
        assert.match(stderr, new RegExp(`at '/rbac/acts/${index}[/']`), stderr);
  }
});
