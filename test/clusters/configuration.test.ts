import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type Configuration,
  type ConfigurationOptions,
  loadConfiguration,
} from '../../src/clusters/configuration.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const flag = path('config');

const cluster = { name: 'c', cluster: { server: 'https://c.example:6443' } };
const kubeconfig = {
  clusters: [cluster],
  users: [{ name: 'u', user: { token: 't' } }],
  contexts: [{ name: 'k', context: { cluster: 'c', user: 'u' } }],
  'current-context': 'k',
};
const broken = { ...kubeconfig, contexts: 7 };

/** Reads the configuration when the file has this content. */
async function load(content: unknown, more: Partial<ConfigurationOptions> = {}, before?: Configuration) {
  await writeFile(flag, typeof content === 'string' ? content : JSON.stringify(content));
  const events = { refreshed() {}, expires() {}, log: { info() {}, warn() {} } };
  const location = { flag, env: undefined, homedir: '/nowhere' };
  const given = { location, env: {}, overrides: {}, events, rereadFiles: async () => {}, ...more };
  return loadConfiguration(given, before);
}

async function loaded(...parts: Parameters<typeof load>): Promise<Configuration> {
  const result = await load(...parts);
  assert.ok(!('problems' in result), JSON.stringify(result));
  return result;
}

async function problemsOf(...parts: Parameters<typeof load>) {
  const result = await load(...parts);
  assert.ok('problems' in result, 'problems were expected');
  return result;
}

describe('the configuration of a cluster', () => {
  it('is of the context, by a flag or by the kubeconfig, and names each file that it is read from; a flag with the server needs none', async () => {
    const plain = await loaded(kubeconfig);
    assert.deepEqual([plain.context, plain.hasKubeconfig, plain.proxy], ['k', true, undefined]);
    assert.deepEqual([...new Set(plain.files)], [flag]);
    assert.deepEqual(
      plain.contexts.map(({ name }) => name),
      ['k'],
    );
    assert.equal((await loaded(kubeconfig, { overrides: { context: 'k' } })).context, 'k');
    await writeFile(path('token'), 't');
    const users = [{ name: 'u', user: { tokenFile: path('token') } }];
    const files = [...new Set((await loaded({ ...kubeconfig, users })).files)];
    assert.deepEqual(files, [flag, path('token')]);
    const { context, hasKubeconfig } = await loaded('', { overrides: { server: 'http://127.0.0.1:1' } });
    assert.deepEqual([context, hasKubeconfig], ['', false]);
  });

  it('has problems if its kubeconfig is broken, or was not empty before; another context gets the last good one', async () => {
    const lastGood: ConfigurationOptions['lastGood'] & object = { kubeconfig: undefined };
    assert.match((await problemsOf(broken, { lastGood })).problems.join(), /contexts/);
    const before = await loaded(kubeconfig, { lastGood });
    for (const [content, problem] of [
      [broken, /contexts/],
      ['', /^the kubeconfig is empty now: .*config$/],
    ] as const) {
      assert.equal((await loaded(content, { lastGood })).context, 'k');
      assert.match((await problemsOf(content, { lastGood }, before)).problems.join(), problem);
    }
    const renamed = {
      ...kubeconfig,
      'current-context': 'j',
      contexts: [{ ...kubeconfig.contexts[0], name: 'j' }],
    };
    assert.equal(
      (await loaded(renamed, { lastGood }, before)).context,
      'j',
      'a good one is not an older one',
    );
    assert.equal((await loaded(broken, { lastGood })).context, 'j');
  });

  it('names all problems together, with the files whose change may solve them', async () => {
    const missing = path('missing');
    const clusters = [
      { name: 'c', cluster: { ...cluster.cluster, 'certificate-authority': missing, 'proxy-url': 'x' } },
    ];
    const users = [{ name: 'u', user: { tokenFile: missing } }];
    const refuse = () => 'it does not fit';
    const { problems, files, contexts } = await problemsOf({ ...kubeconfig, clusters, users }, { refuse });
    assert.equal(problems.length, 4, problems.join('\n'));
    assert.deepEqual([problems[0], problems[3]], [`tokenFile ${missing}: no such file`, 'it does not fit']);
    assert.deepEqual([...new Set(files)], [flag, missing]);
    assert.equal(contexts?.length, 1);
    assert.deepEqual((await problemsOf(kubeconfig, { refuse })).problems, ['it does not fit']);
  });
});
