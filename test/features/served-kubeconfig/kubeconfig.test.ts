import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import type { KubeconfigFacts } from '../../../src/features/served-kubeconfig/facts.js';
import { kubeconfigOf } from '../../../src/features/served-kubeconfig/kubeconfig.js';
import { runAtOnce } from '../../../src/lib/steps.js';
import { kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = temporaryFolder();

const token = { fields: { token: 'PASTE' }, isComplete: false, isPerCluster: false };
const reviewed = { fields: { token: 'PASTE' }, isComplete: false, isPerCluster: true };
const files = {
  fields: { 'client-certificate': 'PATH', 'client-key': 'PATH' },
  isComplete: false,
  isPerCluster: false,
};
const login = {
  fields: { exec: { command: 'kubectl', args: ['oidc-login'] } },
  isComplete: true,
  isPerCluster: false,
};

interface Config {
  clusters: { name: string; cluster: Record<string, string | true> }[];
  users: { name: string; user: Record<string, unknown> }[];
  contexts: { name: string; context: { cluster: string; user?: string; namespace?: string } }[];
  'current-context': string;
}

function made(facts: Partial<KubeconfigFacts> = {}) {
  const text = runAtOnce(
    kubeconfigOf({
      address: 'https://gw.example',
      contexts: [
        { name: 'a', path: '', namespace: '' },
        { name: 'b', path: '/clusters/b', namespace: 'team' },
      ],
      authority: 'PEM',
      users: [],
      isForStranger: false,
      ...facts,
    }),
  );
  return { text, comments: text.match(/^#.*$/gm)?.join('\n') ?? '', config: parse(text) as Config };
}

describe('a kubeconfig for callers', () => {
  it('has a cluster and a context for each mount, and begins with the first', () => {
    const { config } = made({ users: [token] });
    assert.deepEqual(config, {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'a', cluster: { server: 'https://gw.example', 'certificate-authority-data': 'UEVN' } },
        {
          name: 'b',
          cluster: { server: 'https://gw.example/clusters/b', 'certificate-authority-data': 'UEVN' },
        },
      ],
      users: [{ name: 'kube-api-proxy', user: { token: 'PASTE' } }],
      contexts: [
        { name: 'a', context: { cluster: 'a', user: 'kube-api-proxy' } },
        { name: 'b', context: { cluster: 'b', user: 'kube-api-proxy', namespace: 'team' } },
      ],
      'current-context': 'a',
    });
  });

  it('has neither user nor authority over http://, and says why', () => {
    const { config, comments } = made({ address: 'http://gw.example', users: [token] });
    assert.deepEqual(config.users, []);
    assert.ok(config.contexts.every(({ context }) => context.user === undefined));
    assert.ok(config.clusters.every(({ cluster }) => !('certificate-authority-data' in cluster)));
    assert.match(comments, /kubectl sends no credential over http:\/\/[\s\S]*401/);
    assert.doesNotMatch(made({ address: 'http://gw.example' }).comments, /401/);
  });

  it('gives up the check of certificates over http:// alone, where there are none', () => {
    const http = made({ address: 'http://gw.example' });
    assert.deepEqual(
      http.config.clusters.map(({ cluster }) => cluster['insecure-skip-tls-verify']),
      [true, true],
    );
    assert.match(http.comments, /insecure-skip-tls-verify .*With TLS, remove it/);
    for (const authority of ['PEM', undefined]) {
      assert.doesNotMatch(made({ authority }).text, /insecure/);
    }
  });

  it('says so if the authority is not known', () => {
    assert.match(made({ authority: undefined }).comments, /does not know the authority of its certificate/);
    assert.doesNotMatch(made().comments, /not known/);
  });

  it('has a user for each cluster if each cluster reviews its own tokens', () => {
    const { config, text } = made({ users: [files, reviewed] });
    // Not a YAML alias: the caller fills in each token separately.
    assert.equal(text.match(/^ +token: "PASTE"$/gm)?.length, 2, text);
    assert.deepEqual(
      config.contexts.map(({ context }) => context.user),
      ['a', 'b'],
    );
    assert.deepEqual(
      config.users.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('has the user that needs no other program, and the other users as comments', () => {
    const { config, comments } = made({ users: [files, token, login, reviewed] });
    assert.deepEqual(
      config.users.map(({ user }) => user),
      [login.fields],
    );
    assert.match(comments, /^# client-certificate: "PATH"\n# client-key: "PATH"$/m);
    assert.match(comments, /^# token: "PASTE"$/m);
    assert.doesNotMatch(comments, /Fill in/);
    const filledIn = made({ users: [files, token] });
    assert.deepEqual(
      filledIn.config.users.map(({ user }) => user),
      [token.fields],
    );
    assert.match(filledIn.comments, /Replace the words/);
  });

  it('tells an unknown caller that there may be more', () => {
    assert.match(made({ isForStranger: true }).comments, /without a credential/);
    assert.doesNotMatch(made().comments, /without a credential/);
  });

  const hostile = [
    ...['a', 'yes', 'null', '~', '1e3', '0o7', '0x1F', '12:30:45', '2001-01-01', '<<', '=', '.inf', ''],
    ...[
      '- x',
      '# x',
      'a: b',
      '"',
      "'",
      '\\',
      '`',
      '%',
      '%2F',
      '*a',
      '&a',
      '!a',
      '|',
      '>',
      '{a: b}',
      '[a]',
      '@',
    ],
    ...['a\nb: c', ' a ', '\t', '\r\n', '---', '...', 'a\u0001b', '\u007f', '\u0085', '\u2028', '\ufeff'],
    ...['ü', '集群', '🦊', 'arn:aws:eks:eu:1:cluster/x@y', '../..', '$(id)', '"\n- name: "evil'],
    ...['\ufffe', '\uffff', 'x'.repeat(5000)],
  ];

  kubectlTest('is read by kubectl with the same contexts, even with unusual names', async () => {
    const file = join(folder, 'hostile');
    const contexts = hostile.map((name, index) => ({ name, path: `/clusters/${index}`, namespace: name }));
    await writeFile(file, made({ contexts, users: [reviewed] }).text);
    const { stdout, stderr, code } = await kubectl(
      ['config', 'view', '--raw', '-o', 'json', '--kubeconfig', file],
      { env: { HOME: folder } },
    );
    assert.equal(code, 0, stderr);
    const config = JSON.parse(stdout) as Config;
    const serverOf = new Map(config.clusters.map(({ name, cluster }) => [name, cluster['server']]));
    assert.deepEqual(new Set(config.contexts.map(({ name }) => name)), new Set(hostile));
    for (const { name, context } of config.contexts) {
      assert.equal(context.namespace ?? '', name);
      assert.equal(context.user ?? '', name);
      assert.equal(
        serverOf.get(context.cluster ?? ''),
        `https://gw.example/clusters/${hostile.indexOf(name)}`,
      );
    }
  });

  it('contains no half of a surrogate pair, which YAML cannot express', () => {
    const { config } = made({ contexts: [{ name: 'a\ud800b', path: '', namespace: '' }] });
    assert.equal(config.contexts[0]?.name, 'a\ufffdb');
  });
});
