import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Problem,
  parseConfigurationFile,
} from '../../../src/features/common/configuration-file/parse.js';
import { collisions, readAuthenticators } from '../../../src/features/oidc/configuration-file.js';
import { authenticationFile } from '../../../src/features/oidc/validation.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';

const issuer = { url: 'https://a.example', audiences: ['gateway'] };
const claimMappings = { username: { claim: 'sub', prefix: '' } };
const entry = { issuer, claimMappings };

const issuers = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...issuer, url: `https://${index}.example` }));

async function read(text: string) {
  const problems: Problem[] = [];
  const parsed = parseConfigurationFile(authenticationFile, 'FILE', text, problems);
  const entries = parsed && (await readAuthenticators(parsed.content, parsed.report));
  return { problems: problems.map(({ text }) => text), entries: entries ?? [] };
}

function file(content: object): string {
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' };
  return JSON.stringify({ ...head, ...content });
}

const ofEntries = (...jwt: readonly object[]) => file({ jwt });

describe("the API server's file", () => {
  it('is read as YAML and as JSON, in both versions, with everything that it may have', async () => {
    const { certificate } = await createCertificateAuthority();
    const { problems, entries } = await read(`apiVersion: apiserver.config.k8s.io/v1beta1
kind: AuthenticationConfiguration
anonymous: {enabled: false}
jwt:
- issuer:
    url: https://a.example
    discoveryURL: https://b.example/.well-known/openid-configuration
    audiences: [one, two]
    audienceMatchPolicy: MatchAny
    certificateAuthority: |
${certificate.replace(/^/gm, '      ')}
  claimValidationRules:
  - {claim: hd, requiredValue: example.com}
  - {expression: 'claims.exp - claims.nbf <= 86400', message: too long}
  claimMappings:
    username: {expression: '"a:" + claims.sub'}
    groups: {claim: groups, prefix: 'a:'}
    uid: {claim: oid}
    extra:
    - {key: example.com/team, valueExpression: claims.team}
  userValidationRules:
  - {expression: "!user.username.startsWith('system:')"}
- issuer: {url: https://c.example, audiences: [one], audienceMatchPolicy: }
  claimMappings: {username: {claim: email, prefix: ''}, groups: null}
`);
    assert.deepEqual(problems, []);
    const [first, second] = entries;
    assert.deepEqual([...(first?.mapping.requiredClaims ?? [])], [['hd', 'example.com']]);
    assert.equal(first?.mapping.claimRules[0]?.message, 'too long');
    assert.equal(first?.mapping.userRules.length, 1);
    assert.deepEqual(first?.mapping.uid, { claim: 'oid', prefix: '' });
    assert.deepEqual(second?.mapping.username, { claim: 'email', prefix: '' });
    assert.equal(second?.mapping.groups, undefined);
    assert.deepEqual(await read(file({})), { problems: [], entries: [] });
    assert.deepEqual(await read(ofEntries()), { problems: [], entries: [] });
  });

  it('names the line of each problem', async () => {
    const { problems } = await read(`kind: AuthenticationConfiguration
apiVersion: apiserver.config.k8s.io/v1
jwt:
- issuer:
    url: http://a.example
    audience: [x]
    audiences: [a]
    audiences: [b]
  claimMappings:
    username: {claim: 1}
`);
    assert.deepEqual(problems, [
      ...['FILE:8: "audiences" is there twice', 'FILE:6: jwt[0].issuer.audience is an unknown field'],
      'FILE:10: jwt[0].claimMappings.username.claim is not a string',
      'FILE:5: jwt[0].issuer.url "http://a.example" is not https://',
      'FILE:10: jwt[0].claimMappings.username needs a claim or an expression',
    ]);
  });

  const others = (change: object) => ofEntries({ ...entry, ...change });
  const mapped = (change: object) => others({ claimMappings: { ...claimMappings, ...change } });
  const issued = (change: object) => others({ issuer: { ...issuer, ...change } });
  const extra = (...list: readonly object[]) => mapped({ extra: list });
  const rules = (...claimValidationRules: readonly object[]) => others({ claimValidationRules });
  const userRules = (...userValidationRules: readonly object[]) => others({ userValidationRules });

  for (const [text, problem] of [
    ['', /is empty/],
    ['[]', /is not a mapping/],
    ['{', /FILE:1: /],
    [file({ kind: 'Config' }), /kind is not AuthenticationConfiguration/],
    [file({ apiVersion: 'apiserver.config.k8s.io/v2' }), /apiVersion is not apiserver.config.k8s.io\/v1 or/],
    [file({ anonymous: { enabled: true } }), /anonymous can only be enabled: false/],
    [file({ anonymous: {} }), /anonymous can only be/],
    [file({ anonymous: { enabled: false, conditions: [{ path: '/x' }] } }), /anonymous can only be/],
    [file({ jwts: [] }), /jwts is an unknown field/],
    [file({ JWT: [] }), /JWT is an unknown field/],
    [file({ jwt: {} }), /jwt is not a list/],
    [ofEntries(entry, entry), /jwt\[1\]\.issuer\.url is that of another entry/],
    [ofEntries({ issuer: { audiences: ['a'] }, claimMappings }), /issuer\.url is missing/],
    [issued({ discoveryURL: 'http://d.example' }), /discoveryURL .* is not https/],
    [issued({ url: 'https://u:secret@a.example' }), /issuer\.url has an @/],
    [issued({ url: 'https://a.example?x' }), /has a query/],
    [issued({ audiences: [] }), /audiences is missing/],
    [issued({ audiences: [''] }), /audiences\[0\] is empty/],
    [issued({ audienceMatchPolicy: 'MatchAll' }), /audienceMatchPolicy is not MatchAny/],
    [issued({ certificateAuthority: 'x' }), /certificateAuthority has no certificate/],
    [issued({ egressSelectorType: 'cluster' }), /egressSelectorType is an unknown field/],
    [mapped({ username: {} }), /username needs a claim or an expression/],
    [mapped({ username: { prefix: 'x' } }), /username needs a claim or an expression/],
    [mapped({ username: { claim: 'a', expression: 'claims.a' } }), /username has both/],
    [mapped({ username: { claim: 'a' } }), /username\.prefix is missing/],
    [mapped({ username: { expression: 'claims.a', prefix: '' } }), /prefix cannot be there/],
    [mapped({ groups: { claim: 'a' } }), /groups\.prefix is missing/],
    [mapped({ uid: { claim: 'a', expression: 'claims.a' } }), /uid has both/],
    [
      mapped({ username: { expression: 'claims.email' } }),
      /jwt\[0\]\.claimMappings\.username\.expression uses claims\.email, .* must use claims\.email_verified/,
    ],
    ...['a', undefined, '-a.b/c', 'a-.b/c', 'a.-b/c', 'a..b/c', 'a.b/c d', '/c', 'a.b/'].map(
      key => [extra({ key, valueExpression: '"x"' }), /extra\[0\]\.key is not a DNS name/] as const,
    ),
    [extra({ key: 'a.example/X', valueExpression: '"x"' }), /key has capital letters/],
    [extra({ key: 'x.kubernetes.io/a', valueExpression: '"x"' }), /reserved for Kubernetes/],
    [extra({ key: 'k8s.io/a', valueExpression: '"x"' }), /reserved for Kubernetes/],
    [
      extra({ key: 'a.b/c', valueExpression: '"x"' }, { key: 'a.b/c', valueExpression: '"y"' }),
      /extra\[1\]\.key is there twice/,
    ],
    [extra({ key: 'a.b/c' }), /valueExpression is missing/],
    [rules({ expression: 'true' }, { message: 'a' }), /claimValidationRules\[1\]\.expression is missing/],
    [rules({}), /claimValidationRules\[0\]\.expression is missing/],
    [rules({ claim: 'a', expression: 'true' }), /has both a claim and an expression/],
    [rules({ expression: 'true', requiredValue: 'x' }), /requiredValue needs a claim/],
    [rules({ claim: 'a' }, { claim: 'a' }), /claimValidationRules\[1\]\.claim is there twice/],
    [rules({ expression: 'claims.a' }), /"claims\.a": must evaluate to bool/],
    [userRules({ expression: 'claims.a == 1' }), /undeclared reference to "claims"/],
    [
      mapped({ username: { expression: 'url(claims.a).getHost()' } }),
      /username\.expression cannot be used: "url\(claims\.a\)\.getHost\(\)": url is not supported/,
    ],
  ] as const) {
    it(`cannot be used if ${problem.source}`, async () => {
      const { problems } = await read(text);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', problem);
      assert.ok(!problems.join().includes('secret'));
    });
  }

  it('may have what looks like that', async () => {
    for (const text of [
      issued({ audiences: ['a', 'b'] }),
      mapped({ groups: {}, uid: {} }),
      mapped({ groups: { expression: 'claims.a' } }),
      extra(
        ...['a-b.0-c.d/e', 'xk8s.io/a', 'a.b/k8s.io/c', `${'a'.repeat(253)}/b`].map(key => ({
          key,
          valueExpression: '"x"',
        })),
      ),
      rules({ claim: 'a' }, { claim: 'b' }, { expression: 'true' }, { expression: 'claims.a == 1' }),
    ])
      assert.deepEqual((await read(text)).problems, [], text);
    const { entries } = await read(rules({ claim: 'hd' }, { expression: 'true' }));
    assert.deepEqual([...(entries[0]?.mapping.requiredClaims ?? [])], [['hd', '']]);
    const two = await read(rules({ message: 'a' }, { message: 'b' }));
    assert.equal(two.problems.length, 2, two.problems.join('\n'));
  });

  it('causes a warning where two issuers could make the same name or group', async () => {
    type Mapped = Readonly<Record<string, object>>;
    const warningsOf = async (mappings: readonly Mapped[]) => {
      const all = issuers(mappings.length).map((one, index) => ({
        issuer: one,
        claimMappings: mappings[index],
      }));
      const { problems, entries } = await read(ofEntries(...all));
      assert.deepEqual(problems, []);
      return [...collisions(entries)].map(warning =>
        warning.replace(/^.* make the same (\w+): .*(\(.*\))$/, '$1 $2'),
      );
    };
    const name = (prefix: string, more: object = {}) => ({ username: { claim: 'sub', prefix }, ...more });
    const group = (prefix: string) => ({ groups: { claim: 'g', prefix } });
    const text = { expression: '"x"' };
    for (const [mappings, ...warnings] of [
      [[name('a:'), name('b:')]],
      [[name(''), name('b:')], 'name ("", "b:")'],
      [[name('b:c'), name('b:')], 'name ("b:c", "b:")'],
      [[name('a'), name('b'), name('a')], 'name ("a", "a")'],
      [[{ username: text }, name('')]],
      [[name('a:', group('g')), name('b:', group('g:'))], 'group ("g", "g:")'],
      [[name('a:', { groups: text }), name('b:', group(''))]],
    ] as const)
      assert.deepEqual(await warningsOf(mappings), warnings);
  });

  it('may name users by an email if something looks at whether it is verified', async () => {
    const email = { username: { expression: 'claims.email' } };
    for (const change of [
      { claimMappings: { username: { expression: 'claims.email_verified ? claims.email : ""' } } },
      {
        claimMappings: {
          ...email,
          extra: [{ key: 'a.b/c', valueExpression: 'string(claims.email_verified)' }],
        },
      },
      {
        claimMappings: email,
        claimValidationRules: [{ expression: 'claims.?email_verified.orValue(true) == true' }],
      },
      { claimMappings: { username: { expression: 'claims["email"]' } } },
    ]) {
      assert.deepEqual((await read(others(change))).problems, [], JSON.stringify(change));
    }
    const groups = { ...email, groups: { expression: 'string(claims.email_verified)' } };
    assert.equal((await read(others({ claimMappings: groups }))).problems.length, 1);
  });
});
