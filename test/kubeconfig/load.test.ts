import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type KubeconfigLocation, loadKubeconfig } from '../../src/kubeconfig/load.js';
import type { Kubeconfig } from '../../src/kubeconfig/types.js';
import { readWhole } from '../../src/lib/read-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();

let written = 0;

function write(text: string): string {
  const file = join(folder, `config-${++written}`);
  writeFileSync(file, text);
  return file;
}

function load(location: Partial<KubeconfigLocation>): ReturnType<typeof loadKubeconfig> {
  const found = { flag: '', env: undefined, homedir: join(folder, 'nobody'), ...location };
  return loadKubeconfig(found, readWhole);
}

async function kubeconfigOf(location: Partial<KubeconfigLocation>): Promise<Kubeconfig> {
  const result = await load(location);
  assert.ok('kubeconfig' in result, JSON.stringify(result));
  return result.kubeconfig;
}

async function problemsOf(location: Partial<KubeconfigLocation>): Promise<readonly string[]> {
  const result = await load(location);
  assert.ok('problems' in result, 'problems were expected');
  return result.problems;
}

const problemsIn = async (text: string): Promise<readonly string[]> => {
  const file = write(text);
  return (await problemsOf({ flag: file })).map(problem => problem.replaceAll(file, 'FILE'));
};

const one = `
apiVersion: v1
kind: Config
current-context: first
clusters:
- name: shared
  cluster: {server: 'https://one:6443', certificate-authority: ca.crt}
users:
- name: admin
  user: {token: one, client-certificate: client.crt}
contexts:
- name: first
  context: {cluster: shared, user: admin, namespace: default}
`;

const two = `
current-context: second
clusters:
- name: shared
  cluster: {server: 'https://two:6443', tls-server-name: two}
- name: other
  cluster: {server: 'https://other:6443'}
contexts:
- name: second
  context: {cluster: other, user: admin}
`;

describe('the file of --kubeconfig', () => {
  it('is the only file that is read', async () => {
    const file = write(one);
    assert.deepEqual((await kubeconfigOf({ flag: file, env: write(two) })).files, [file]);
  });

  it('must exist, and cannot be a folder', async () => {
    assert.deepEqual(await problemsOf({ flag: '/nowhere/config' }), [
      '--kubeconfig: /nowhere/config: no such file',
    ]);
    const below = join(write(one), 'below');
    assert.deepEqual(await problemsOf({ flag: below }), [
      `--kubeconfig: ${below}: part of its path is not a folder`,
    ]);
    assert.deepEqual(await problemsOf({ flag: folder }), [`--kubeconfig: ${folder}: is a directory`]);
  });

  it('must be readable', { skip: process.getuid?.() === 0 && 'root reads every file' }, async () => {
    const file = write(one);
    chmodSync(file, 0);
    assert.deepEqual(await problemsOf({ flag: file }), [`--kubeconfig: ${file}: permission denied`]);
  });
});

describe('the list in KUBECONFIG', () => {
  it('is merged: for each name the first file wins as a whole, and for the current context the first that has one', async () => {
    const files = [write('current-context: ""\n'), write(one), write(two)];
    const kubeconfig = await kubeconfigOf({ env: files.join(':') });
    assert.deepEqual([kubeconfig.files, kubeconfig.currentContext], [files, 'first']);
    assert.deepEqual(kubeconfig.clusters.get('shared')?.value, {
      server: 'https://one:6443',
      'certificate-authority': 'ca.crt',
    });
    assert.equal(kubeconfig.clusters.get('other')?.file, files[2]);
    assert.deepEqual([...kubeconfig.contexts.keys()], ['first', 'second']);
  });

  it('may have empty entries, repeated ones and missing files, even alone', async () => {
    const file = write(one);
    const kubeconfig = await kubeconfigOf({ env: `:/nowhere/config:${file}::${file}:` });
    assert.deepEqual(kubeconfig.files, [file]);
    assert.deepEqual(kubeconfig.candidates, ['/nowhere/config', file]);
    assert.deepEqual((await kubeconfigOf({ env: '/nowhere/a:/nowhere/b' })).files, []);
  });

  it('has the problems of all its files reported at once', async () => {
    const bad = [write('clusters: 1'), write('users: 2'), folder];
    assert.deepEqual(await problemsOf({ env: [...bad, write(one)].join(':') }), [
      `${bad[0]}:1: clusters is not a list`,
      `${bad[1]}:1: users is not a list`,
      `${folder}: is a directory`,
    ]);
  });
});

it('~/.kube/config is read if nothing else is named, and may be missing', async () => {
  const homedir = join(folder, 'home');
  mkdirSync(join(homedir, '.kube'), { recursive: true });
  writeFileSync(join(homedir, '.kube', 'config'), one);
  assert.deepEqual((await kubeconfigOf({ homedir, env: '' })).files, [join(homedir, '.kube', 'config')]);
  const kubeconfig = await kubeconfigOf({ homedir: '/nowhere' });
  assert.deepEqual(kubeconfig.files, []);
  assert.deepEqual(kubeconfig.candidates, ['/nowhere/.kube/config']);
});

describe('a kubeconfig file', () => {
  const read = (text: string): Promise<Kubeconfig> => kubeconfigOf({ flag: write(text) });

  it('may be empty, and may have null for absent values', async () => {
    for (const text of ['', '# nothing\n', 'null\n', '---\n'])
      assert.equal((await read(text)).clusters.size, 0);
    const kubeconfig = await read(
      'clusters: null\nusers:\ncurrent-context:\ncontexts: [{name: a, context: null}]\n',
    );
    assert.equal(kubeconfig.currentContext, undefined);
    assert.deepEqual(kubeconfig.contexts.get('a')?.value, {});
    assert.deepEqual((await read('users: [{name: a, user: {token: }}]')).users.get('a')?.value, {});
  });

  it('may be JSON, has exec plugins, impersonation and extensions as they are, and ignores unknown keys', async () => {
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'x' } }];
    const cluster = { server: 'https://a', extensions };
    const user = {
      exec: { command: 'login', args: ['a'] },
      as: 'b',
      'as-groups': ['c'],
      'as-user-extra': { d: ['e'] },
    };
    const clusters = [{ name: 'a', cluster: { ...cluster, Server: 'https://b' } }];
    const config = { preferences: { colors: true }, clusters, users: [{ name: 'a', user }] };
    const kubeconfig = await read(JSON.stringify(config, undefined, '\t'));
    assert.deepEqual(kubeconfig.clusters.get('a')?.value, cluster);
    assert.deepEqual(kubeconfig.users.get('a')?.value, user);
  });

  it('may repeat a key, whose last value counts as in go-yaml, may have a byte order mark and CRLF, and ends at its first document', async () => {
    assert.equal((await read('current-context: a\ncurrent-context: b\n')).currentContext, 'b');
    assert.equal((await read('current-context: a\n---\ncurrent-context: b\n')).currentContext, 'a');
    assert.equal((await read('\ufeffcurrent-context: a\r\nkind: Config\r\n')).currentContext, 'a');
  });

  it('is rejected with its line if the YAML is broken, or two entries have one name', async () => {
    assert.deepEqual(await problemsIn('users:\n- name: a\n- name: b\n- name: a\n'), [
      'FILE:4: users[2].name: two entries have the name "a"',
    ]);
    assert.deepEqual(await problemsIn('clusters:\n- name: a\n  cluster: {server: x\nusers: []\n'), [
      'FILE:4: Flow map in block collection must be sufficiently indented and end with a }',
    ]);
    assert.match((await problemsIn('apiVersion: v1\nclusters:\n\t- name: x\n')).join(), /^FILE:3: /);
    assert.match((await problemsIn('{\n "apiVersion": "v1",\n "users": [}\n')).join(), /^FILE:3: /);
    assert.deepEqual(await problemsIn('a: b: c'), [
      'FILE:1: Nested mappings are not allowed in compact mappings',
    ]);
    assert.deepEqual(await problemsIn('a: *b'), [
      'FILE:1: Unresolved alias (the anchor must be set before the alias)',
    ]);
  });

  it('is rejected with line and field for each value of another shape', async () => {
    const text = `clusters:
- 5
- name: [a]
- name: b
  cluster: x
- name: c
  cluster:
    server: 5
    insecure-skip-tls-verify: "true"
users:
- name: d
  user:
    token: 123
    exec: x
    as-groups: x
    as-user-extra: { a: [b], c: [1] }
contexts: {}
current-context: 7
`;
    assert.deepEqual(await problemsIn(text), [
      'FILE:18: current-context is not a string',
      'FILE:2: clusters[0] is not a mapping',
      'FILE:3: clusters[1].name is not a string',
      'FILE:5: clusters[2].cluster is not a mapping',
      'FILE:8: clusters[3].cluster.server is not a string',
      'FILE:9: clusters[3].cluster.insecure-skip-tls-verify is not true or false',
      'FILE:13: users[0].user.token is not a string',
      'FILE:15: users[0].user.as-groups is not a list of strings',
      'FILE:16: users[0].user.as-user-extra is not a mapping to lists of strings',
      'FILE:14: users[0].user.exec is not a mapping',
      'FILE:17: contexts is not a list',
    ]);
    assert.deepEqual(await problemsIn('- a\n'), ['FILE:1: not a kubeconfig: not a mapping']);
    assert.deepEqual(await problemsIn('just words'), ['FILE:1: not a kubeconfig: not a mapping']);
  });

  it('is rejected if it is another kind of object', async () => {
    assert.deepEqual(await problemsIn('apiVersion: v1\nkind: Pod\n'), [
      'FILE:2: kind is not Config, so this is not a kubeconfig',
    ]);
    assert.equal((await problemsIn('apiVersion: v2\nkind: Config\n')).length, 1);
  });

  it('cannot be an alias bomb', async () => {
    const levels = 'bcdefghi'.split('');
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...levels.map((name, index) => {
        const below = `*${'abcdefgh'[index]}`;
        return `${name}: &${name} [${Array(9).fill(below).join(', ')}]`;
      }),
    ].join('\n');
    assert.deepEqual(await problemsIn(bomb), [
      'FILE:1: Excessive alias count indicates a resource exhaustion attack',
    ]);
  });

  it('never appears in a message with its secrets', async () => {
    for (const text of [
      'users: [{name: a, user: {token: "\\qhunter2"}}]',
      'users:\n- name: a\n  user:\n    token: |hunter2\n',
      'users:\n- name: a\n  user:\n    token: "x" hunter2\n',
      'users: [{name: a, user: {token: [hunter2], password: {hunter2: 1}}}]',
      '}hunter2',
      'token: *hunter2',
    ]) {
      assert.doesNotMatch((await problemsIn(text)).join('\n'), /hunter2|\\q/, text);
    }
  });
});
