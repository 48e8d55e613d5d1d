import { claims as celClaims, truths } from '../common/cel/truths.js';

/** An entry of the file without its issuer, and tokens of that issuer. */
export interface JwtConfiguration {
  readonly what: string;
  /** Fields of the entry; those of the issuer beside its URL. By default `sub` is the name, without a prefix, for the audience `gateway`. */
  readonly entry?: object;
  readonly issuer?: object;
  /** The issuer has this URL, and its discovery document is at another one. */
  readonly discoveredAs?: string;
  readonly tokens: readonly JwtToken[];
}

/** What is special about a token, its claims, and the name of its user; undefined if it is refused. */
export type JwtToken = readonly [what: string, claims: object, user: string | undefined];

const username = { claim: 'sub', prefix: '' };

function mapped(what: string, claimMappings: object, ...tokens: readonly JwtToken[]): JwtConfiguration {
  return { what, entry: { claimMappings: { username, ...claimMappings } }, tokens };
}

function ruled(
  what: string,
  expressions: readonly string[],
  ...tokens: readonly JwtToken[]
): JwtConfiguration {
  const claimValidationRules = expressions.map(expression => ({ expression, message: 'no' }));
  return { what, entry: { claimValidationRules }, tokens };
}

function userRuled(
  what: string,
  expression: string,
  more: object,
  ...tokens: readonly JwtToken[]
): JwtConfiguration {
  const claimMappings = { username, groups: { claim: 'groups', prefix: '' }, ...more };
  return { what, entry: { claimMappings, userValidationRules: [{ expression }] }, tokens };
}

/** Entries of one file. */
export const configurations: readonly JwtConfiguration[] = [
  {
    what: 'the defaults',
    tokens: [
      ['with a subject', {}, 'alice'],
      ['with a JWT ID', { jti: 't-1' }, 'alice'],
      ['with an empty JWT ID', { jti: '' }, 'alice'],
      ['with a JWT ID that is a number', { jti: 7 }, 'alice'],
      ['with a JWT ID that is null', { jti: null }, 'alice'],
      ['for another audience', { aud: 'other' }, undefined],
      ['for several audiences', { aud: ['other', 'gateway'] }, 'alice'],
      ['without a subject', { sub: undefined }, undefined],
      ...[7, ['alice'], { toString: 'alice' }].map(
        sub => [`with the subject ${JSON.stringify(sub)}`, { sub }, undefined] as const,
      ),
      ['with groups that nothing maps', { groups: ['dev'] }, 'alice'],
      ['with an email that is not verified', { email: 'a', email_verified: false }, 'alice'],
    ],
  },
  {
    what: 'several audiences',
    issuer: { audiences: ['gateway', 'second'], audienceMatchPolicy: 'MatchAny' },
    tokens: [
      ['for the first', { aud: 'gateway' }, 'alice'],
      ['for the second', { aud: ['second'] }, 'alice'],
      ['for both', { aud: ['second', 'gateway'] }, 'alice'],
      ['for a third', { aud: ['third'] }, undefined],
      ['for none', { aud: [] }, undefined],
      ['without an audience', { aud: undefined }, undefined],
    ],
  },
  {
    what: 'one audience with a policy',
    issuer: { audienceMatchPolicy: 'MatchAny' },
    tokens: [
      ['for it', {}, 'alice'],
      ['for another', { aud: 'other' }, undefined],
    ],
  },
  {
    what: 'a discovery document at another URL',
    discoveredAs: 'https://login.example.test/realm',
    tokens: [
      ['with a subject', {}, 'alice'],
      ['for another audience', { aud: 'other' }, undefined],
    ],
  },
  mapped(
    'prefixes',
    { username: { claim: 'email', prefix: 'a:' }, groups: { claim: 'groups', prefix: 'g:' } },
    ['with an email', { email: 'a@example.com' }, 'a:a@example.com'],
    ['with a verified email', { email: 'a@example.com', email_verified: true }, 'a:a@example.com'],
    ...[false, 'true', 1, null].map(
      email_verified =>
        [`with email_verified ${email_verified}`, { email: 'a', email_verified }, undefined] as const,
    ),
    ['with groups', { email: 'a', groups: ['dev', 'ops'] }, 'a:a'],
    ['with a group', { email: 'a', groups: 'dev' }, 'a:a'],
    ['with groups that are numbers', { email: 'a', groups: [1] }, undefined],
    ['with a group that is a number', { email: 'a', groups: ['dev', 7] }, undefined],
    ['with groups that are an object', { email: 'a', groups: { dev: true } }, undefined],
    ['with groups that are null', { email: 'a', groups: null }, 'a:a'],
  ),
  mapped(
    'a uid by a claim',
    { uid: { claim: 'oid' } },
    ['with it', { oid: 'u-1' }, 'alice'],
    ['with an empty one', { oid: '' }, 'alice'],
    ['with null', { oid: null }, 'alice'],
    ['without it', {}, undefined],
    ['with a number', { oid: 7 }, undefined],
  ),
  mapped(
    'a uid by an expression',
    { uid: { expression: '"u:" + claims.oid' } },
    ['with it', { oid: '1' }, 'alice'],
    ['without it', {}, undefined],
    ['with a number', { oid: 1 }, undefined],
  ),
  mapped(
    'a uid that is no string',
    { uid: { expression: 'claims.oid' } },
    ['with a string', { oid: '1' }, 'alice'],
    ['with a list', { oid: ['1'] }, undefined],
    ['with null', { oid: null }, undefined],
  ),
  mapped(
    'a name by an expression',
    { username: { expression: 'claims.sub + ":external"' } },
    ['with a string', {}, 'alice:external'],
    ['with an empty string', { sub: '' }, ':external'],
    ['with a number', { sub: 7 }, undefined],
    ['with null', { sub: null }, undefined],
  ),
  mapped(
    'a name that may be empty',
    { username: { expression: 'claims.sub' } },
    ['with a string', {}, 'alice'],
    ['with an empty string', { sub: '' }, undefined],
    ['with a list', { sub: ['alice'] }, undefined],
  ),
  mapped(
    'groups by a list of an expression',
    { groups: { expression: 'dyn(claims.roles).map(r, "r:" + r)' } },
    ['with roles', { roles: ['dev', 'ops'] }, 'alice'],
    ['with no roles', { roles: [] }, 'alice'],
    ['with a string', { roles: 'dev' }, undefined],
    ['with a number among them', { roles: ['dev', 1] }, undefined],
    ['without roles', {}, undefined],
  ),
  mapped(
    'groups as they are',
    { groups: { expression: 'claims.roles' } },
    ['with a list', { roles: ['dev', 'ops'] }, 'alice'],
    ['with an empty role', { roles: ['', 'ops'] }, 'alice'],
    ['with a string', { roles: 'dev' }, 'alice'],
    ['with an empty string', { roles: '' }, 'alice'],
    ['with null', { roles: null }, 'alice'],
    ['with null in the list', { roles: ['dev', null] }, undefined],
    ['with a number', { roles: 1 }, undefined],
    ['with an object', { roles: { dev: true } }, undefined],
  ),
  mapped(
    'groups by split',
    { groups: { expression: 'claims.csv.split(",")' } },
    ['with a list', { csv: 'dev,ops' }, undefined],
    ['with nothing', { csv: '' }, undefined],
  ),
  mapped('a list of literals', { groups: { expression: '["a", "b", ""]' } }, ['any', {}, 'alice']),
  mapped(
    'extra fields',
    {
      extra: [
        { key: 'example.com/team', valueExpression: 'claims.team' },
        { key: 'example.com/list/of', valueExpression: 'claims.?list.orValue([])' },
        { key: 'a.b.c/x_y.z', valueExpression: '"constant"' },
      ],
    },
    ['with a string', { team: 'a' }, 'alice'],
    ['with a list', { team: ['a', 'b'], list: ['x'] }, 'alice'],
    ['with an empty string', { team: '' }, 'alice'],
    ['with null', { team: null }, 'alice'],
    ['with a JWT ID besides', { team: 'a', jti: 't-2' }, 'alice'],
    ['with a number', { team: 7 }, undefined],
    ['without it', {}, undefined],
    ['with other letters', { team: 'zoë 例え 😀' }, 'alice'],
  ),
  {
    what: 'required claims',
    entry: {
      claimValidationRules: [
        { claim: 'hd', requiredValue: 'example.com' },
        { claim: 'x', requiredValue: '' },
      ],
    },
    tokens: [
      ['with both', { hd: 'example.com', x: '' }, 'alice'],
      ['with another value', { hd: 'example.org', x: '' }, undefined],
      ['with capital letters', { hd: 'Example.com', x: '' }, undefined],
      ['with a bool', { hd: true, x: '' }, undefined],
      ['with null as the empty one', { hd: 'example.com', x: null }, 'alice'],
      ['with null as the other one', { hd: null, x: '' }, undefined],
      ['with a list', { hd: ['example.com'], x: '' }, undefined],
      ['without the empty one', { hd: 'example.com' }, undefined],
    ],
  },
  ruled(
    'a rule about times',
    ['claims.exp - claims.iat <= 7200'],
    ['that lasts long', { iat: 1 }, undefined],
    ['without iat', { iat: undefined }, undefined],
  ),
  ruled(
    'rules that may fail',
    ['claims.a == 1 || claims.b == 1', 'claims.?c.orValue(0) < 5'],
    ['where the first is true', { a: 1 }, 'alice'],
    ['where the second is true', { b: 1 }, 'alice'],
    ['where one is false', { a: 2, b: 1 }, 'alice'],
    ['where both fail', {}, undefined],
    ['where the second rule is false', { a: 1, c: 7 }, undefined],
    ['where the second rule fails', { a: 1, c: 'x' }, undefined],
    ['of a value of another type', { a: '1', b: 1 }, 'alice'],
  ),
  ruled('a rule about what has no order', ['!(0.0 / 0.0 < claims.exp)'], ['any', {}, undefined]),
  ruled(
    'a rule with a regular expression',
    ['claims.sub.matches("^[a-z]+$") && claims.sub.matches("\\\\Aal") && !claims.sub.matches("(?i)BOB")'],
    ['that matches', {}, 'alice'],
    ['with a line break', { sub: 'alice\nx' }, undefined],
    ['that does not match', { sub: 'bob' }, undefined],
  ),
  ruled(
    'a rule that may run long',
    ['dyn(claims.list).all(x, dyn(claims.list).all(y, dyn(claims.list).all(z, x + y + z > 0.0)))'],
    ['with a short list', { list: [1, 2, 3] }, 'alice'],
    ['with a long list', { list: Array.from({ length: 300 }, (_, index) => index + 1) }, undefined],
  ),
  userRuled(
    'a rule about the name',
    "!user.username.startsWith('system:')",
    {},
    ['of a user', {}, 'alice'],
    ['of the system', { sub: 'system:admin' }, undefined],
  ),
  userRuled(
    'a rule about the groups',
    "user.groups.all(group, !group.startsWith('system:'))",
    {},
    ['of a user', { groups: ['dev'] }, 'alice'],
    ['without groups', {}, 'alice'],
    ['of the system', { groups: ['dev', 'system:masters'] }, undefined],
  ),
  userRuled(
    'a rule about the rest',
    'user.uid != "" && user.extra["example.com/a"] == ["1"] && !has(user.extra.none)',
    {
      uid: { expression: 'claims.?oid.orValue("")' },
      extra: [{ key: 'example.com/a', valueExpression: 'claims.a' }],
    },
    ['that holds', { oid: 'u', a: '1' }, 'alice'],
    ['without a uid', { a: '1' }, undefined],
    ['with another value', { oid: 'u', a: ['1', '2'] }, undefined],
    ['without a value', { oid: 'u', a: '' }, undefined],
  ),
  {
    what: 'expressions of all kinds',
    entry: {
      claimMappings: {
        username,
        extra: truths.map((truth, index) => ({
          key: `example.com/truth-${index}`,
          valueExpression: `(${truth}) ? "true" : "false"`,
        })),
      },
    },
    tokens: [['all true', celClaims, 'alice']],
  },
];

/** Changes of an entry that both reject. */
export const wrongEntries: readonly (readonly [what: string, entry: object, issuer?: object])[] = [
  ['an unknown field', { unknown: 1 }],
  ['a string as a list', { claimValidationRules: 'x' }],
  ['no audience', {}, { audiences: [] }],
  ['another policy', {}, { audienceMatchPolicy: 'MatchAll' }],
  ['http', {}, { url: 'http://a.example' }],
  ['a query', {}, { url: 'https://a.example?x' }],
  ['a wrong authority', {}, { certificateAuthority: 'x' }],
  ['an egress selector', {}, { egressSelectorType: 'cluster' }],
  ['no name', { claimMappings: { username: {} } }],
  ['a name without a prefix', { claimMappings: { username: { claim: 'sub' } } }],
  ['a claim and an expression', { claimMappings: { username: { ...username, expression: 'claims.sub' } } }],
  ['an email alone', { claimMappings: { username: { expression: 'claims.email' } } }],
  [
    'an extra field without a domain',
    { claimMappings: { username, extra: [{ key: 'a', valueExpression: '"x"' }] } },
  ],
  [
    'an extra field in capitals',
    { claimMappings: { username, extra: [{ key: 'a.b/C', valueExpression: '"x"' }] } },
  ],
  [
    'an extra field of Kubernetes',
    { claimMappings: { username, extra: [{ key: 'a.k8s.io/c', valueExpression: '"x"' }] } },
  ],
  ['an empty rule', { claimValidationRules: [{}] }],
  ...[
    ...['claims.a', 'claims.?a.orValue(true)', 'has(claims.a) ? claims.a : true', '1'],
    ...['claims.', 'user.username == ""'],
    ...['1 == "a"', '1 == 1.0', '["a", claims.b] == []', '"a".reverse() == ""'],
    ...['cel.bind(x, 1, x == 1)', 'claims.a.matches("(")'],
    ...['nobody', '"a" && true', '[1].all(x, x)', '1 in ["a"]', 'claims[1] == 1'],
    ...['{"a": 1, "b": "c"} == {}', '["a"] + [1] == []'],
  ].map(expression => [`the rule ${expression}`, { claimValidationRules: [{ expression }] }] as const),
  ...['user.name == ""', 'claims.sub == ""', 'user["username"] == ""', 'user.uid == 1'].map(
    expression => [`the rule of the user ${expression}`, { userValidationRules: [{ expression }] }] as const,
  ),
];
