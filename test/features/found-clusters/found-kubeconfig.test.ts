import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readFoundKubeconfig } from '../../../src/features/found-clusters/found-kubeconfig.js';
import { assertLinear } from '../../support/growth.js';
import { setFields } from '../../support/set-fields.js';

const secret = 'Zm91bmQtc2VjcmV0';

/** A kubeconfig as Cluster API writes it, with the test's own lines in its cluster, user and context. */
function kubeconfig({
  server = 'https://10.0.0.1:6443',
  cluster = '',
  user = `token: ${secret}`,
  context = 'cluster: prod, user: prod-admin',
  more = '',
} = {}): string {
  return `apiVersion: v1
kind: Config
current-context: prod-admin@prod
clusters:
- name: prod
  cluster:
    server: ${server}
    ${cluster}
users:
- name: prod-admin
  user:
    ${user}
contexts:
- name: prod-admin@prod
  context: {${context}}
${more}`;
}

const read = (text: string) => readFoundKubeconfig(Buffer.from(text));

/** The problems of a kubeconfig, of which each must be fit for a log and for everybody's eyes. */
function problemsOf(text: string): readonly string[] {
  const found = read(text);
  assert.ok('problems' in found, text.slice(0, 500));
  assert.ok(found.problems.length > 0 && found.problems.length <= 6);
  for (const problem of found.problems) {
    assert.ok(problem.length <= 300, problem);
    assert.doesNotMatch(problem, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.doesNotMatch(problem, /Zm91|hunter2/);
  }
  return found.problems;
}

describe('A kubeconfig that others have written', () => {
  it('is how to reach its cluster, with its data and without any file', () => {
    const data = Buffer.from('-----BEGIN').toString('base64');
    const found = read(
      kubeconfig({
        cluster: `certificate-authority-data: ${data}\n    tls-server-name: kubernetes`,
        user: `client-certificate-data: ${data}\n    client-key-data: ${data}`,
      }),
    );
    const pem = (field: string, of: string) => ({
      data: Buffer.from('-----BEGIN'),
      origin: `${field}-data of ${of} in the kubeconfig`,
    });
    assert.ok('config' in found);
    assert.deepEqual(setFields(found.config), {
      server: { protocol: 'https:', hostname: '10.0.0.1', port: 6443, path: '' },
      certificateAuthority: pem('certificate-authority', 'cluster "prod"'),
      insecureSkipTlsVerify: false,
      tlsServerName: 'kubernetes',
      clientCertificate: {
        certificate: pem('client-certificate', 'user "prod-admin"'),
        key: pem('client-key', 'user "prod-admin"'),
      },
    });
  });

  it('may have empty fields, and entries that it does not use', () => {
    const found = read(
      kubeconfig({
        cluster: 'certificate-authority: ""\n    proxy-url: ""',
        user: `token: ${secret}\n    tokenFile: ""\n    as: ""\n    as-groups: []\n    exec: null`,
        more: 'extensions: []',
      }).replace('users:\n', 'users:\n- {name: other, user: {tokenFile: /etc/passwd}}\n'),
    );
    assert.equal('config' in found && found.config.token, secret);
  });

  const file = /names a file of the gateway, which is never read for it/;
  for (const [what, text, problem] of [
    ['a file of an authority', { cluster: 'certificate-authority: /etc/ca.crt' }, file],
    [
      'a file of an authority beside its data',
      { cluster: 'certificate-authority: ca.crt\n    certificate-authority-data: QUJD' },
      file,
    ],
    ['a proxy', { cluster: `proxy-url: http://u:hunter2@127.0.0.1:1` }, /: proxy-url names a proxy/],
    ['a file of a token', { user: 'tokenFile: /var/run/secrets/token' }, file],
    ['a file of a token by a link', { user: 'tokenFile: ../../proc/self/environ' }, file],
    ['a certificate in a file', { user: 'client-certificate: c\n    client-key-data: QUJD' }, file],
    ['a key in a file', { user: 'client-certificate-data: QUJD\n    client-key: /k' }, file],
    [
      'an exec plugin',
      { user: `exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [${secret}]}` },
      /exec is a program, which is never run for it/,
    ],
    ['an empty exec plugin', { user: 'exec: {}' }, /exec is a program/],
    [
      'an auth provider',
      { user: `auth-provider: {name: oidc, config: {refresh-token: ${secret}}}` },
      /auth-provider is a way to sign in/,
    ],
    ['a user to act as', { user: `token: ${secret}\n    as: system:admin` }, /: as is impersonation/],
    ['a uid to act as', { user: 'as-uid: "0"' }, /as-uid is impersonation/],
    ['groups to act as', { user: 'as-groups: [system:masters]' }, /as-groups is impersonation/],
    ['extra values to act as', { user: 'as-user-extra: {a: [b]}' }, /as-user-extra is impersonation/],
    ['what it must not have by a merge key', { user: '<<: {as: root}' }, /: as is impersonation/],
    [
      'what it must not have by an alias',
      { context: 'cluster: prod, user: &a prod-admin', user: '<<: &b {exec: {}}' },
      /exec is a/,
    ],
    ['the second of two equal keys', { user: 'exec: null\n    exec: {command: sh}' }, /exec is a program/],
    ['a key with an escape', { user: '"\\x65xec": {command: sh}' }, /exec is a program/],
    ['a server of another scheme', { server: 'file://host/etc/passwd' }, /is neither https:\/\/ nor http:/],
    ['a file as a server', { server: 'file:///etc/passwd' }, /is not a URL or host:port/],
    ['a server without TLS', { server: 'http://10.0.0.1' }, /is not https:/],
    ['a server that is host:port', { server: '10.0.0.1:6443' }, /is not https:/],
    ['a user in its URL', { server: 'https://admin:hunter2@10.0.0.1' }, /has an @ in it/],
    ['a backslash in its URL', { server: "'https://10.0.0.1\\@x'" }, /has an @ in it/],
    ['the port 0', { server: 'https://10.0.0.1:0/?hunter2' }, /has the port 0/],
    ['no server', { server: '""' }, /has no server/],
    [
      'a token and a password',
      { user: `{token: ${secret}, password: hunter2}` },
      /cannot be set at the same/,
    ],
    [
      'data that is not base64',
      { cluster: 'certificate-authority-data: "file:///etc/passwd"' },
      /not base64/,
    ],
    ['a context without a user', { context: 'cluster: prod' }, /has no user/],
    ['a cluster that is not there', { context: 'cluster: x, user: prod-admin' }, /there is no cluster "x"/],
    [
      'a name with control characters',
      { context: 'cluster: "\\e[2J\\n\\u202e\\u2028", user: u' },
      /no cluster/,
    ],
    ['fields of another type', { user: `token: [${secret}]` }, /users\[0\]\.user\.token is not a string/],
    [
      'two entries of a name',
      { more: 'preferences: {}', user: '{}\n- name: "prod-admin"\n  user: {}' },
      /two entries have/,
    ],
  ] as const) {
    it(`is refused if it has ${what}`, () => {
      assert.match(problemsOf(kubeconfig(text)).join('\n'), problem);
    });
  }

  for (const [what, text, problem] of [
    ['is empty', '', /^the kubeconfig has no current-context$/],
    ['has no current context', 'clusters: []', /has no current-context/],
    ['is of another kind', `kind: Secret\ncurrent-context: ${secret}`, /is not Config/],
    ['is a text', secret, /not a mapping/],
    ['is not YAML', `{${secret}: [}`, /^the kubeconfig:1: /],
    ['is not text', '\0\x01\xff', /^the kubeconfig/],
    ['is longer than 64 KiB', `# ${'x'.repeat(64 * 1024)}`, /has more than 65536 bytes/],
    ['has many lines', '\n'.repeat(50_000), /more than 2000 pieces of text or lines/],
    ['has many pieces', `[${'{},'.repeat(15_000)}]`, /more than 2000 pieces/],
    ['is nested deeply', '['.repeat(50_000), /more than 100 levels/],
    [
      'is an alias bomb',
      `a0: &a0 [x, x]\n${Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join('')}`,
      /: more than 10 aliases$/,
    ],
    ['has an alias of itself', 'a: &a [*a]', /^the kubeconfig/],
    ['has an unknown alias', `a: *${secret}`, /^the kubeconfig:1: /],
    ['has lists as keys', `? [[${secret}]]\n: 1`, /a key that is a list or a map/],
    [
      'has hundreds of problems',
      `current-context: a\nusers: [${'1,'.repeat(500)}]`,
      /users\[4\] is not a mapping\nand 495 more$/,
    ],
  ] as const) {
    it(`is refused if it ${what}`, () => {
      assert.match(problemsOf(text).join('\n'), problem);
    });
  }

  it('is read in a time that grows with its length', () => {
    const shapes: Record<string, (length: number) => string> = {
      'a long value': length => kubeconfig({ user: `token: ${'a'.repeat(length)}` }),
      'data in many lines': length =>
        kubeconfig({
          cluster: `certificate-authority-data: |\n${`      ${'QUJD'.repeat(20)}\n`.repeat(length / 87)}`,
        }),
      'data that is nearly base64': length =>
        kubeconfig({ cluster: `certificate-authority-data: ${'QUJD'.repeat(length / 4)}=` }),
      'a long server': length => kubeconfig({ server: `https://h/${'/'.repeat(length)}a` }),
      'a server of dots': length => kubeconfig({ server: `https://${'a.'.repeat(length / 2)}` }),
      'a long name that is not there': length =>
        kubeconfig({ context: `cluster: "${'\\u0007'.repeat(length / 6)}", user: u` }),
    };
    for (const [what, shape] of Object.entries(shapes)) {
      const prepare = (length: number) => {
        const bytes = Buffer.from(shape(length));
        return () => readFoundKubeconfig(bytes);
      };
      assertLinear(60 * 1024, prepare, what);
    }
  });
});
