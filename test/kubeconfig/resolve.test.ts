import assert from 'node:assert/strict';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import type { Overrides } from '../../src/kubeconfig/overrides.js';
import { resolveClientConfig } from '../../src/kubeconfig/resolve.js';
import type { AuthInfo, ClientConfig, Cluster, Context, Kubeconfig } from '../../src/kubeconfig/types.js';

const file = '/home/me/.kube/config';
const server = { protocol: 'https:', hostname: 'one', port: 6443, path: '' } as const;

interface Entries {
  currentContext?: string | undefined;
  clusters?: Record<string, Cluster>;
  users?: Record<string, AuthInfo>;
  contexts?: Record<string, Context>;
}

function named<T>(entries: Record<string, T>): Map<string, { value: T; file: string }> {
  return new Map(Object.entries(entries).map(([name, value]) => [name, { value, file }]));
}

/** A kubeconfig with context `c`, cluster `k` and user `u`, and the test's own parts instead. */
function kubeconfig(entries: Entries = {}): Kubeconfig {
  const { clusters = { k: { server: 'https://one:6443' } }, users = { u: { token: 't' } } } = entries;
  const { contexts = { c: { cluster: 'k', user: 'u' } } } = entries;
  return {
    files: [file],
    candidates: [file],
    currentContext: 'currentContext' in entries ? entries.currentContext : 'c',
    clusters: named(clusters),
    users: named(users),
    contexts: named(contexts),
  };
}

/** What is loaded if there is no file. */
const nothing: Kubeconfig = {
  ...kubeconfig({ clusters: {}, users: {}, contexts: {}, currentContext: undefined }),
  ...{ files: [], candidates: [] },
};

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
  const several = kubeconfig({
    clusters: { k: { server: 'https://one:6443' }, l: { server: 'https://two:6443' } },
    users: { u: { token: 't' }, v: { token: 'v' } },
    contexts: { c: { cluster: 'k', user: 'u' }, d: { cluster: 'l', user: 'v' } },
  });

  it('is chosen by --context, has its parts replaced by --cluster and --user, and is not needed with both', () => {
    assert.equal(configOf(several, { context: 'd' }).server.hostname, 'two');
    assert.equal(configOf(several, { context: 'd' }).token, 'v');
    assert.equal(configOf(several, { cluster: 'l' }).server.hostname, 'two');
    assert.equal(configOf(several, { cluster: 'l' }).token, 't');
    assert.equal(configOf(several, { user: 'v' }).token, 'v');
    const none = { ...several, currentContext: undefined };
    assert.equal(configOf(none, { cluster: 'l', user: 'v' }).token, 'v');
    assert.equal(configOf(none, { server: 'https://x' }).server.hostname, 'x');
  });

  it('is a problem if it does not exist', () => {
    assert.deepEqual(problemsOf(several, { context: 'x' }), [
      `--context: there is no context "x" (${file} has "c", "d")`,
    ]);
    assert.deepEqual(problemsOf(kubeconfig({ currentContext: 'x' })), [
      `current-context: there is no context "x" (${file} has "c")`,
    ]);
    assert.deepEqual(problemsOf(kubeconfig({ currentContext: 'x', contexts: {} })), [
      `current-context: there is no context "x" (${file} has none)`,
    ]);
  });

  it('is a problem if none is selected, in an empty kubeconfig unless a server is given, or without a cluster or a user', () => {
    const empty = { currentContext: undefined, contexts: {}, clusters: {}, users: {} };
    for (const overrides of [{}, { context: 'x' }, { cluster: 'x' }]) {
      assert.deepEqual(problemsOf(kubeconfig(empty), overrides), [
        `${file} is an empty kubeconfig; pass another one with --kubeconfig, or pass --server`,
      ]);
    }
    assert.equal(configOf(kubeconfig(empty), { server: 'http://x' }).server.hostname, 'x');
    assert.deepEqual(problemsOf({ ...several, currentContext: undefined }), [
      `no current-context; choose one with --context (${file} has "c", "d")`,
    ]);
    assert.deepEqual(problemsOf(kubeconfig({ contexts: { c: {} } })), [
      `context "c" in ${file} has no cluster`,
      `context "c" in ${file} has no user`,
    ]);
  });

  it('may lack what flags supply, and a user over plain HTTP, where no credential is sent', () => {
    const empty = kubeconfig({ contexts: { c: {} } });
    assert.equal(configOf(empty, { server: 'https://x', token: 'f' }).token, 'f');
    assert.equal(configOf(empty, { cluster: 'k', user: 'u' }).token, 't');
    const plain = kubeconfig({
      clusters: { k: { server: 'http://one' } },
      contexts: { c: { cluster: 'k' } },
    });
    assert.equal(configOf(plain).server.port, 80);
  });

  it('is a problem if it names a missing cluster or user', () => {
    assert.deepEqual(problemsOf(kubeconfig({ contexts: { c: { cluster: 'x', user: 'y' } } })), [
      `context "c" in ${file}: there is no cluster "x" (${file} has "k")`,
      `context "c" in ${file}: there is no user "y" (${file} has "u")`,
    ]);
    assert.deepEqual(problemsOf(kubeconfig(), { cluster: 'x', user: 'y' }), [
      `--cluster: there is no cluster "x" (${file} has "k")`,
      `--user: there is no user "y" (${file} has "u")`,
    ]);
  });

  it('treats empty flags as absent', () => {
    const empty = { context: '', cluster: '', user: '', server: '', token: '', username: '', password: '' };
    const paths = { clientCertificate: '', clientKey: '', certificateAuthority: '', tlsServerName: '' };
    assert.deepEqual(
      configOf(kubeconfig(), { ...empty, ...paths, insecureSkipTlsVerify: false }),
      configOf(kubeconfig()),
    );
  });
});

describe('a start without a kubeconfig', () => {
  it('needs only --server', () => {
    const config = { server: { ...server, hostname: 'x' }, insecureSkipTlsVerify: false, token: 't' };
    assert.deepEqual(configOf(nothing, { server: 'https://x:6443', token: 't' }), config);
    assert.deepEqual(configOf(nothing, { server: 'https://x:6443' }).token, undefined);
  });

  it('reports which files were searched, and that --context does not exist', () => {
    const none = {
      ...kubeconfig({ clusters: {}, users: {}, contexts: {} }),
      files: [],
      candidates: ['/a', '/b'],
    };
    assert.deepEqual(problemsOf(none), ['no kubeconfig: looked for /a, /b; pass --kubeconfig or --server']);
    assert.deepEqual(problemsOf(nothing), ['no kubeconfig: pass --kubeconfig or --server']);
    assert.deepEqual(problemsOf(nothing, { server: 'https://x', context: 'c' }), [
      '--context: there is no context "c" (no kubeconfig has none)',
    ]);
  });
});

describe('a cluster', () => {
  it('is a problem without a server, or with a malformed one', () => {
    assert.deepEqual(problemsOf(kubeconfig({ clusters: { k: {} } })), [
      `cluster "k" in ${file} has no server`,
    ]);
    assert.deepEqual(problemsOf(withCluster({ server: 'https://:x' })), [
      `server of cluster "k" in ${file} is not a URL or host:port`,
    ]);
    assert.deepEqual(problemsOf(kubeconfig(), { server: 'ftp://x' }), [
      '--server: "ftp://x" is neither https:// nor http://',
    ]);
  });

  it('has its authority in a file next to the kubeconfig; inline data comes before that, a flag before both, and --server leaves it', () => {
    const beside = withCluster({ 'certificate-authority': 'pki/ca.crt' });
    assert.deepEqual(configOf(beside).certificateAuthority, { file: '/home/me/.kube/pki/ca.crt' });
    const absolute = withCluster({ 'certificate-authority': '/etc/ca.crt' });
    for (const overrides of [{}, { server: 'https://x' }])
      assert.deepEqual(configOf(absolute, overrides).certificateAuthority, { file: '/etc/ca.crt' });
    assert.deepEqual(configOf(beside, { certificateAuthority: 'ca.crt' }).certificateAuthority, {
      file: resolve('ca.crt'),
    });
    const both = withCluster({ 'certificate-authority': 'x', 'certificate-authority-data': base64('PEM') });
    assert.deepEqual(configOf(both).certificateAuthority, {
      data: Buffer.from('PEM'),
      origin: `certificate-authority-data of cluster "k" in ${file}`,
    });
    const inline = withCluster({ 'certificate-authority-data': base64('PEM') });
    assert.deepEqual(configOf(inline, { certificateAuthority: '/ca' }).certificateAuthority, { file: '/ca' });
  });

  it('may not have an authority and skip verification', () => {
    const both = withCluster({ 'certificate-authority': 'x', 'insecure-skip-tls-verify': true });
    const problem = 'a certificate-authority and insecure-skip-tls-verify cannot be set at the same time';
    assert.deepEqual(problemsOf(both), [`cluster "k" in ${file}: ${problem}`]);
    assert.deepEqual(problemsOf(kubeconfig(), { insecureSkipTlsVerify: true, certificateAuthority: 'x' }), [
      `cluster "k" in ${file}: ${problem}`,
    ]);
  });

  it('skips verification if it says so, or loses its authority to --insecure-skip-tls-verify, and the other way round', () => {
    const trusting = configOf(withCluster({ 'certificate-authority': 'x' }), { insecureSkipTlsVerify: true });
    assert.equal(trusting.insecureSkipTlsVerify, true);
    assert.equal(trusting.certificateAuthority, undefined);
    const checking = configOf(withCluster({ 'insecure-skip-tls-verify': true }), {
      certificateAuthority: '/ca',
    });
    assert.equal(checking.insecureSkipTlsVerify, false);
    assert.deepEqual(checking.certificateAuthority, { file: '/ca' });
    assert.equal(configOf(withCluster({ 'insecure-skip-tls-verify': true })).insecureSkipTlsVerify, true);
  });

  it('has its tls-server-name, which --server clears and --tls-server-name sets', () => {
    const cluster = withCluster({ 'tls-server-name': 'inner' });
    assert.equal(configOf(cluster).tlsServerName, 'inner');
    assert.equal(configOf(cluster, { server: 'https://x' }).tlsServerName, undefined);
    assert.equal(configOf(cluster, { server: 'https://x', tlsServerName: 'y' }).tlsServerName, 'y');
    assert.equal(configOf(cluster, { tlsServerName: 'y' }).tlsServerName, 'y');
  });
});

describe('a user', () => {
  it('has a certificate and a key next to the kubeconfig, or inline, or by flags, each separately', () => {
    const files = withUser({ 'client-certificate': 'client.crt', 'client-key': '../client.key' });
    assert.deepEqual(configOf(files).clientCertificate, {
      certificate: { file: '/home/me/.kube/client.crt' },
      key: { file: '/home/me/client.key' },
    });
    const inline = withUser({ 'client-certificate-data': base64('C'), 'client-key-data': base64('K') });
    assert.deepEqual(configOf(inline).clientCertificate, {
      certificate: { data: Buffer.from('C'), origin: `client-certificate-data of user "u" in ${file}` },
      key: { data: Buffer.from('K'), origin: `client-key-data of user "u" in ${file}` },
    });
    const { clientCertificate } = configOf(inline, { clientCertificate: '/c', clientKey: '/k' });
    assert.deepEqual(clientCertificate, { certificate: { file: '/c' }, key: { file: '/k' } });
    const mixed = configOf(inline, { clientCertificate: '/c' }).clientCertificate;
    assert.deepEqual(mixed?.certificate, { file: '/c' });
    assert.ok(mixed && 'data' in mixed.key);
  });

  it('needs both certificate and key', () => {
    assert.deepEqual(problemsOf(withUser({ 'client-certificate': 'c' })), [
      `user "u" in ${file} has a client-certificate but no client-key`,
    ]);
    assert.deepEqual(problemsOf(withUser({ 'client-key-data': base64('K') })), [
      `user "u" in ${file} has a client-key but no client-certificate`,
    ]);
    assert.deepEqual(problemsOf(nothing, { server: 'https://x', clientCertificate: 'c' }), [
      'the user of the flags has a client-certificate but no client-key',
    ]);
  });

  it('has its base64 checked, which may have line breaks, as Go allows, and the error does not show it', () => {
    for (const bad of ['hunter2!', 'aGk', 'a b=', 'aGk=aGk=', 'aGk==', 'aGk-', 'aGk_']) {
      const user = withUser({ 'client-certificate-data': base64('C'), 'client-key-data': bad });
      assert.deepEqual(problemsOf(user), [`client-key-data of user "u" in ${file} is not base64`], bad);
    }
    assert.deepEqual(problemsOf(withCluster({ 'certificate-authority-data': 'x' })), [
      `certificate-authority-data of cluster "k" in ${file} is not base64`,
    ]);
    const data = `${base64('a certificate')}`.replace(/(.{4})/g, '$1\r\n');
    const user = withUser({ 'client-certificate-data': data, 'client-key-data': base64('K') });
    const certificate = configOf(user).clientCertificate?.certificate;
    assert.ok(certificate && 'data' in certificate);
    assert.equal(certificate.data.toString(), 'a certificate');
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

  it('may have both a certificate and a token, but not a token and basic authentication, flags included, as in client-go', () => {
    const problem = `user "u" in ${file}: a token and a user name or password cannot be set at the same time`;
    assert.deepEqual(problemsOf(withUser({ token: 'a', username: 'b' })), [problem]);
    assert.deepEqual(problemsOf(withUser({ username: 'b' }), { token: 'a' }), [problem]);
    assert.deepEqual(problemsOf(withUser({ tokenFile: 'a' }), { password: 'b' }), [problem]);
    const config = configOf(withUser({ token: 'a', 'client-certificate': '/c', 'client-key': '/k' }));
    assert.equal(config.token, 'a');
    assert.ok(config.clientCertificate);
  });

  it('is not sent over plain HTTP, as in client-go', () => {
    const user = { 'client-certificate': '/c', 'client-key': '/k', token: 't' };
    const plain = kubeconfig({ clusters: { k: { server: 'http://one:8080' } }, users: { u: user } });
    assert.deepEqual(configOf(plain), {
      server: { protocol: 'http:', hostname: 'one', port: 8080, path: '' },
      insecureSkipTlsVerify: false,
    });
  });
});

describe('the plugin of a user', () => {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './x', interactiveMode: 'Never' };

  it('is used with its command and extension', () => {
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'a' } }];
    const clusters = { k: { server: 'https://h', extensions } };
    const config = configOf(kubeconfig({ clusters, users: { u: { exec } } }));
    assert.equal(config.exec?.command, join(dirname(file), 'x'));
    assert.deepEqual(config.execClusterConfig, { audience: 'a' });
  });

  it('may not be both exec and auth-provider, and is not checked in an entry that is not selected', () => {
    const from = withUser({ exec, 'auth-provider': { name: 'gcp' } });
    const problems = problemsOf(from);
    assert.equal(problems[0], `user "u" in ${file}: exec and auth-provider cannot be set at the same time`);
    assert.match(problems[1] ?? '', /gke-gcloud-auth-plugin/);
    const users = { u: { token: 't' }, other: { exec: { command: 'x' } } };
    assert.equal(configOf(kubeconfig({ users })).token, 't');
  });
});
