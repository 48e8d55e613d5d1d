import assert from 'node:assert/strict';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import type { Overrides } from '../../src/kubeconfig/overrides.js';
import { resolveClientConfig } from '../../src/kubeconfig/resolve.js';
import type { AuthInfo, ClientConfig, Cluster, Context, Kubeconfig } from '../../src/kubeconfig/types.js';
import { setFields } from '../support/set-fields.js';

const file = '/home/me/.kube/config';
const server = { protocol: 'https:', hostname: 'one', port: 6443, path: '' } as const;

function named<T>(entries: Record<string, T>): Map<string, { value: T; file: string }> {
  return new Map(Object.entries(entries).map(([name, value]) => [name, { value, file }]));
}

/** A kubeconfig with context `c`, cluster `k` and user `u`, and the test's own parts instead. */
function kubeconfig({
  currentContext = 'c',
  clusters = { k: { server: 'https://one:6443' } } as Record<string, Cluster>,
  users = { u: { token: 't' } } as Record<string, AuthInfo>,
  contexts = { c: { cluster: 'k', user: 'u' } } as Record<string, Context>,
} = {}): Kubeconfig {
  return {
    files: [file],
    candidates: [file],
    currentContext,
    clusters: named(clusters),
    users: named(users),
    contexts: named(contexts),
  };
}

const empty: Kubeconfig = {
  ...kubeconfig({ clusters: {}, users: {}, contexts: {} }),
  currentContext: undefined,
};
/** What is loaded if there is no file. */
const nothing: Kubeconfig = { ...empty, files: [], candidates: [] };
const several = kubeconfig({
  clusters: { k: { server: 'https://one:6443' }, l: { server: 'https://two:6443' } },
  users: { u: { token: 't' }, v: { token: 'v' } },
  contexts: { c: { cluster: 'k', user: 'u' }, d: { cluster: 'l', user: 'v' } },
});
const unselected = { ...several, currentContext: undefined };
const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './x', interactiveMode: 'Never' };

const withUser = (user: AuthInfo): Kubeconfig => kubeconfig({ users: { u: user } });
const withCluster = (cluster: Cluster): Kubeconfig =>
  kubeconfig({ clusters: { k: { server: 'https://one:6443', ...cluster } } });

function configOf(from: Kubeconfig, overrides: Overrides = {}): ClientConfig {
  const result = resolveClientConfig(from, overrides);
  assert.ok('config' in result, JSON.stringify(result));
  return result.config;
}

function problemsOf(from: Kubeconfig, overrides: Overrides = {}): readonly string[] {
  const result = resolveClientConfig(from, overrides);
  assert.ok('problems' in result, JSON.stringify(result));
  return result.problems;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a context', () => {
  it('is chosen by --context, has its parts replaced by --cluster and --user, and is not needed with both', () => {
    assert.equal(configOf(several, { context: 'd' }).server.hostname, 'two');
    assert.equal(configOf(several, { context: 'd' }).token, 'v');
    assert.equal(configOf(several, { cluster: 'l' }).server.hostname, 'two');
    assert.equal(configOf(several, { cluster: 'l' }).token, 't');
    assert.equal(configOf(several, { user: 'v' }).token, 'v');
    assert.equal(configOf(unselected, { cluster: 'l', user: 'v' }).token, 'v');
    assert.equal(configOf(unselected, { server: 'https://x' }).server.hostname, 'x');
  });

  it('may lack what flags supply, and a user over plain HTTP, where no credential is sent, as in client-go', () => {
    const bare = kubeconfig({ contexts: { c: {} } });
    assert.equal(configOf(bare, { server: 'https://x', token: 'f' }).token, 'f');
    assert.equal(configOf(bare, { cluster: 'k', user: 'u' }).token, 't');
    const users = { u: { 'client-certificate': '/c', 'client-key': '/k', token: 't' } };
    const plain = { ...server, protocol: 'http:' };
    for (const c of [{ cluster: 'k' }, { cluster: 'k', user: 'u' }]) {
      const from = kubeconfig({ clusters: { k: { server: 'http://one:6443' } }, users, contexts: { c } });
      assert.deepEqual(setFields(configOf(from)), { server: plain, insecureSkipTlsVerify: false });
    }
  });

  it('treats empty flags as absent', () => {
    const flags = { context: '', cluster: '', user: '', server: '', token: '', username: '', password: '' };
    const paths = { clientCertificate: '', clientKey: '', certificateAuthority: '', tlsServerName: '' };
    const empty = { ...flags, ...paths, insecureSkipTlsVerify: false };
    assert.deepEqual(configOf(kubeconfig(), empty), configOf(kubeconfig()));
  });

  it('needs only --server if there is no kubeconfig, or an empty one', () => {
    const config = { server: { ...server, hostname: 'x' }, insecureSkipTlsVerify: false, token: 't' };
    for (const from of [nothing, empty])
      assert.deepEqual(setFields(configOf(from, { server: 'https://x:6443', token: 't' })), config);
    assert.deepEqual(configOf(nothing, { server: 'https://x:6443' }).token, undefined);
  });
});

describe('a cluster', () => {
  it('has its authority in a file next to the kubeconfig; inline data comes before that, a flag before both, and --server leaves it', () => {
    const beside = withCluster({ 'certificate-authority': 'pki/ca.crt' });
    for (const overrides of [{}, { server: 'https://x' }]) {
      const { certificateAuthority } = configOf(beside, overrides);
      assert.deepEqual(certificateAuthority, { file: '/home/me/.kube/pki/ca.crt' });
    }
    const flagged = configOf(beside, { certificateAuthority: 'ca.crt' });
    assert.deepEqual(flagged.certificateAuthority, { file: resolve('ca.crt') });
    const both = withCluster({ 'certificate-authority': 'x', 'certificate-authority-data': base64('PEM') });
    assert.deepEqual(configOf(both).certificateAuthority, {
      data: Buffer.from('PEM'),
      origin: `certificate-authority-data of cluster "k" in ${file}`,
    });
    assert.deepEqual(configOf(both, { certificateAuthority: '/ca' }).certificateAuthority, { file: '/ca' });
  });

  it('skips verification if it says so, or loses its authority to --insecure-skip-tls-verify, and the other way round', () => {
    const trusting = configOf(withCluster({ 'certificate-authority': 'x' }), { insecureSkipTlsVerify: true });
    assert.equal(trusting.insecureSkipTlsVerify, true);
    assert.equal(trusting.certificateAuthority, undefined);
    const skips = withCluster({ 'insecure-skip-tls-verify': true });
    const checking = configOf(skips, { certificateAuthority: '/ca' });
    assert.equal(checking.insecureSkipTlsVerify, false);
    assert.deepEqual(checking.certificateAuthority, { file: '/ca' });
    assert.equal(configOf(skips).insecureSkipTlsVerify, true);
  });

  it('has its tls-server-name, which --server clears and --tls-server-name sets', () => {
    const cluster = withCluster({ 'tls-server-name': 'inner' });
    assert.equal(configOf(cluster).tlsServerName, 'inner');
    assert.equal(configOf(cluster, { server: 'https://x' }).tlsServerName, undefined);
    assert.equal(configOf(cluster, { server: 'https://x', tlsServerName: 'y' }).tlsServerName, 'y');
    assert.equal(configOf(cluster, { tlsServerName: 'y' }).tlsServerName, 'y');
  });

  it('has its proxy-url, in place of which --proxy-url comes', () => {
    const cluster = withCluster({ 'proxy-url': 'http://inner' });
    assert.match(configOf(cluster).proxyUrl?.name ?? '', /^proxy-url of /);
    assert.equal(configOf(cluster, { proxyUrl: '' }).proxyUrl?.url, 'http://inner');
    const given = { url: 'socks5://outer', name: '--proxy-url' };
    assert.deepEqual(configOf(cluster, { proxyUrl: given.url }).proxyUrl, given);
    assert.deepEqual(configOf(cluster, { proxyUrl: given.url, server: 'http://x' }).proxyUrl, given);
  });
});

describe('a user', () => {
  it('has a certificate and a key next to the kubeconfig, or inline, with line breaks, as Go allows, or by flags', () => {
    const pair = { 'client-certificate': 'client.crt', 'client-key': '../client.key' };
    assert.deepEqual(configOf(withUser({ ...pair, token: 'a' })), {
      ...configOf(withUser({ token: 'a' })),
      clientCertificate: {
        certificate: { file: '/home/me/.kube/client.crt' },
        key: { file: '/home/me/client.key' },
      },
    });
    const data = base64('a certificate').replace(/(.{4})/g, '$1\r\n');
    const inline = withUser({ 'client-certificate-data': data, 'client-key-data': base64('K') });
    const origin = `client-certificate-data of user "u" in ${file}`;
    assert.deepEqual(configOf(inline, { clientKey: '/k' }).clientCertificate, {
      certificate: { data: Buffer.from('a certificate'), origin },
      key: { file: '/k' },
    });
  });

  it('may have a token, or a tokenFile next to the kubeconfig, or basic authentication, each replaced by its flags', () => {
    const config = configOf(withUser({ tokenFile: 'x' }), { token: 'b' });
    assert.deepEqual([config.token, config.tokenFile], ['b', undefined]);
    assert.equal(configOf(withUser({ tokenFile: 'token' })).tokenFile, '/home/me/.kube/token');
    const basic = withUser({ username: 'a', password: 'b' });
    const plain = configOf(basic);
    assert.deepEqual([plain.username, plain.password], ['a', 'b']);
    const flagged = configOf(basic, { password: 'c' });
    assert.deepEqual([flagged.username, flagged.password], ['a', 'c']);
    assert.equal(configOf(withUser({ username: 'a' })).username, 'a');
  });

  it('has its plugin used with its command and the extension of the cluster, and not checked if it is not selected', () => {
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } }];
    const clusters = { k: { server: 'https://h', extensions } };
    const config = configOf(kubeconfig({ clusters, users: { u: { exec } } }));
    assert.equal(config.exec?.command, join(dirname(file), 'x'));
    assert.deepEqual(config.execClusterConfig, { audience: 'a' });
    const users = { u: { token: 't' }, other: { exec: { command: 'x' } } };
    assert.equal(configOf(kubeconfig({ users })).token, 't');
  });
});

const x = { server: 'https://x' };
const isEmpty = `${file} is an empty kubeconfig; pass another one with --kubeconfig, or pass --server`;
const onlyCertificate = 'has a client-certificate but no client-key';
const noCluster = `there is no cluster "x" (${file} has "k")`;
const noUser = `there is no user "y" (${file} has "u")`;
const together = 'cannot be set at the same time';
const conflict = `cluster "k" in ${file}: a certificate-authority and insecure-skip-tls-verify ${together}`;
const twoLogins = `user "u" in ${file}: a token and a user name or password ${together}`;

/** A kubeconfig, its problems, and the flags that it has them with. */
const refused: Record<string, readonly (readonly [Kubeconfig, string | readonly string[], Overrides?])[]> = {
  'has a context that does not exist, or none': [
    [several, `--context: there is no context "x" (${file} has "c", "d")`, { context: 'x' }],
    [kubeconfig({ currentContext: 'x' }), `current-context: there is no context "x" (${file} has "c")`],
    [nothing, '--context: there is no context "c" (no kubeconfig has none)', { ...x, context: 'c' }],
    [unselected, `no current-context; choose one with --context (${file} has "c", "d")`],
  ],
  'is empty, or in no file, of which the searched ones are named': [
    ...[{}, { context: 'x' }, { cluster: 'x' }].map(flags => [empty, isEmpty, flags] as const),
    [nothing, 'no kubeconfig: pass --kubeconfig or --server'],
    [
      { ...nothing, currentContext: 'c', candidates: ['/a', '/b'] },
      'no kubeconfig: looked for /a, /b; pass --kubeconfig or --server',
    ],
  ],
  'has no cluster or user, or one that does not exist': [
    [
      kubeconfig({ contexts: { c: {} } }),
      [`context "c" in ${file} has no cluster`, `context "c" in ${file} has no user`],
    ],
    [
      kubeconfig({ contexts: { c: { cluster: 'x', user: 'y' } } }),
      [`context "c" in ${file}: ${noCluster}`, `context "c" in ${file}: ${noUser}`],
    ],
    [kubeconfig(), [`--cluster: ${noCluster}`, `--user: ${noUser}`], { cluster: 'x', user: 'y' }],
  ],
  'has a cluster without a server, or with a malformed one': [
    [kubeconfig({ clusters: { k: {} } }), `cluster "k" in ${file} has no server`],
    [withCluster({ server: 'https://:x' }), `server of cluster "k" in ${file} is not a URL or host:port`],
    [kubeconfig(), '--server: "ftp://x" is neither https:// nor http://', { server: 'ftp://x' }],
  ],
  'has an authority, and skips verification': [
    [withCluster({ 'certificate-authority': 'x', 'insecure-skip-tls-verify': true }), conflict],
    [kubeconfig(), conflict, { insecureSkipTlsVerify: true, certificateAuthority: 'x' }],
  ],
  'has a certificate without a key, or a key without a certificate': [
    [withUser({ 'client-certificate': 'c' }), `user "u" in ${file} ${onlyCertificate}`],
    [withUser({ 'client-key': 'k' }), `user "u" in ${file} has a client-key but no client-certificate`],
    [nothing, `the user of the flags ${onlyCertificate}`, { ...x, clientCertificate: 'c' }],
  ],
  'has data that is not base64, which is not shown': [
    ...['hunter2!', 'aGk', 'a b=', 'aGk=aGk=', 'aGk==', 'aGk-', 'aGk_'].map(key => {
      const user = withUser({ 'client-certificate-data': base64('C'), 'client-key-data': key });
      return [user, `client-key-data of user "u" in ${file} is not base64`] as const;
    }),
    [
      withCluster({ 'certificate-authority-data': 'x' }),
      `certificate-authority-data of cluster "k" in ${file} is not base64`,
    ],
  ],
  'has a token and basic authentication, flags included, as in client-go': [
    [withUser({ token: 'a', username: 'b' }), twoLogins],
    [withUser({ username: 'b' }), twoLogins, { token: 'a' }],
    [withUser({ tokenFile: 'a' }), twoLogins, { password: 'b' }],
  ],
  'has both a plugin and an auth-provider': [
    [
      withUser({ exec, 'auth-provider': { name: 'x' } }),
      [
        `user "u" in ${file}: exec and auth-provider ${together}`,
        `user "u" in ${file}: no Auth Provider found for name "x"; the only one is oidc`,
      ],
    ],
  ],
};
for (const [what, cases] of Object.entries(refused)) {
  it(`a kubeconfig is refused that ${what}`, () => {
    for (const [from, problems, overrides] of cases)
      assert.deepEqual(problemsOf(from, overrides), [problems].flat());
  });
}
