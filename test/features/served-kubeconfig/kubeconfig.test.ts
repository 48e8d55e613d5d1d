import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import type { KubeconfigFacts } from '../../../src/features/served-kubeconfig/facts.js';
import { kubeconfigOf } from '../../../src/features/served-kubeconfig/kubeconfig.js';
import { hostileNames } from './hostile-names.js';

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

async function made(facts: Partial<KubeconfigFacts> = {}) {
  const text = await kubeconfigOf({
    address: 'https://gw.example',
    contexts: [
      { name: 'a', path: '', namespace: '' },
      { name: 'b', path: '/clusters/b', namespace: 'team' },
    ],
    authority: 'PEM',
    users: [],
    isForStranger: false,
    ...facts,
  });
  return { text, comments: text.match(/^#.*$/gm)?.join('\n') ?? '', config: parse(text) as Config };
}

describe('a kubeconfig for callers', () => {
  it('gives the event loop its turn after some entries', async () => {
    const contexts = Array.from({ length: 500 }, (_, index) => ({
      name: `c${index}`,
      path: '',
      namespace: '',
    }));
    let turns = 0;
    const turn = () => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    assert.equal((await made({ contexts })).config.contexts.length, 500);
    clearImmediate(next);
    assert.ok(turns >= 15, `${turns} turns`);
  });

  it('has a cluster and a context for each mount, and begins with the first', async () => {
    const { config } = await made({ users: [token] });
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

  it('has neither user, authority nor a check of certificates over http://, where there are none, and says why', async () => {
    const { config, comments } = await made({ address: 'http://gw.example', users: [token] });
    assert.deepEqual(config.users, []);
    assert.ok(config.contexts.every(({ context }) => context.user === undefined));
    for (const { cluster } of config.clusters) {
      assert.ok(!('certificate-authority-data' in cluster));
      assert.equal(cluster['insecure-skip-tls-verify'], true);
    }
    assert.match(comments, /kubectl sends no credential over http:\/\/[\s\S]*401/);
    assert.match(comments, /insecure-skip-tls-verify .*With TLS, remove it/);
    assert.doesNotMatch((await made({ address: 'http://gw.example' })).comments, /401/);
    for (const authority of ['PEM', undefined])
      assert.doesNotMatch((await made({ authority })).text, /insecure/);
  });

  it('says so if the authority is not known, and to an unknown caller that there may be more', async () => {
    assert.match(
      (await made({ authority: undefined })).comments,
      /does not know the authority of its certificate/,
    );
    assert.match((await made({ isForStranger: true })).comments, /without a credential/);
    assert.doesNotMatch((await made()).comments, /not known|without a credential/);
  });

  it('has the user of the first context where the callers are those of /', async () => {
    const contexts = ['a', 'b', 'c'].map(name => ({ name, path: '', namespace: '' }));
    const { config } = await made({
      contexts: contexts.map(context =>
        context.name === 'b' ? { ...context, hasUsersOfRoot: true } : context,
      ),
      users: [reviewed],
    });
    assert.deepEqual(
      config.contexts.map(({ context }) => context.user),
      ['a', 'a', 'c'],
    );
    assert.equal(config.users.length, 2);
  });

  it('has a user for each cluster if each cluster reviews its own tokens', async () => {
    const { config, text } = await made({ users: [files, reviewed] });
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

  it('has the user that needs no other program, and the other users as comments', async () => {
    const { config, comments } = await made({ users: [files, token, login, reviewed] });
    assert.deepEqual(
      config.users.map(({ user }) => user),
      [login.fields],
    );
    assert.match(comments, /^# client-certificate: "PATH"\n# client-key: "PATH"$/m);
    assert.match(comments, /^# token: "PASTE"$/m);
    assert.doesNotMatch(comments, /Fill in/);
    const filledIn = await made({ users: [files, token] });
    assert.deepEqual(
      filledIn.config.users.map(({ user }) => user),
      [token.fields],
    );
    assert.match(filledIn.comments, /Replace the words/);
  });

  it('has any name as a string for YAML 1.1, however many contexts there are', async () => {
    for (const repeated of [hostileNames.slice(0, 1), hostileNames, [...hostileNames, ...hostileNames]]) {
      const names = repeated.map((name, index) => (index < hostileNames.length ? name : `${name}-${index}`));
      const contexts = names.map((name, index) => ({ name, path: `/clusters/${index}`, namespace: name }));
      const { text, config } = await made({ contexts, users: [reviewed] });
      assert.doesNotMatch(text, /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/);
      assert.deepEqual(parse(text, { version: '1.1' }), config);
      assert.deepEqual(
        config.contexts.map(({ name, context }) => [name, context.user, context.namespace ?? '']),
        names.map(name => [name, name, name]),
      );
    }
  });

  it('has a user whose key is public if callers need not authenticate, and the notes of all users', async () => {
    const { config, comments } = await made();
    assert.deepEqual(Object.keys(config.users[0]?.user ?? {}), [
      'client-certificate-data',
      'client-key-data',
    ]);
    assert.match(comments, /This key is public/);
    const { comments: noted } = await made({ users: [{ ...login, note: 'ask again' }] });
    assert.match(noted, /^# ask again$/m);
    assert.doesNotMatch(noted, /public|Replace|instead/);
    assert.match(
      (await made({ users: [reviewed] })).comments,
      /capitals with your credential for each cluster\.$/m,
    );
    assert.match((await made({ users: [token] })).comments, /capitals\.$/m);
  });

  it('contains no half of a surrogate pair, which YAML cannot express', async () => {
    const { config } = await made({ contexts: [{ name: 'a\ud800b', path: '', namespace: '' }] });
    assert.equal(config.contexts[0]?.name, 'a\ufffdb');
  });
});
