import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigurationError } from '../../src/clusters/cluster.js';
import type { Endpoint } from '../../src/clusters/endpoint.js';
import { type FollowOptions, followConfiguration } from '../../src/clusters/follow.js';
import { FollowedKubeconfig } from '../../src/kubeconfig/followed-kubeconfig.js';
import { until } from '../support/eventually.js';
import { replacedWhenRead } from '../support/replaced-when-read.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const cluster = { name: 'c', cluster: { server: 'https://c.example:6443' } };
const other = { name: 'd', cluster: { server: 'https://d.example:6443' } };
const context = (name: string, cluster = 'c') => ({ name, context: { cluster, user: 'u' } });
const kubeconfig = {
  clusters: [cluster, other],
  users: [{ name: 'u', user: { token: 't' } }],
  contexts: [context('k'), context('j', 'd')],
  'current-context': 'k',
};
const broken = { ...kubeconfig, contexts: 7 };

/** Follows a kubeconfig with this content, whose changes are noticed by `change` alone. */
async function start(t: TestContext, content: unknown, more: Partial<FollowOptions> = {}) {
  const folder = temporaryFolder();
  const file = join(folder, 'config');
  const write = (next: unknown) => writeFile(file, typeof next === 'string' ? next : JSON.stringify(next));
  await write(content);
  const interval = 3_600_000;
  const followed = new FollowedKubeconfig({
    location: { flag: file, env: undefined, homedir: '/nowhere' },
    ...{ env: {}, hasServer: more.overrides?.server !== undefined, interval },
  });
  t.after(() => followed.close());
  const problems: (readonly string[])[] = [];
  const changes: (readonly (string | undefined)[])[] = [];
  const warnings: object[] = [];
  const events = {
    refreshed() {},
    expires() {},
    log: { info() {}, warn: (fields: object) => void warnings.push(fields) },
  };
  const endpoints: Endpoint[] = [];
  const options: FollowOptions = {
    ...{ kubeconfig: followed, env: {}, overrides: {}, events, interval },
    onReload(given, now, before) {
      problems.push(given);
      changes.push([before?.context, now?.context]);
    },
    ...more,
  };
  let followers = 0;
  const open = async (overrides = options.overrides) => {
    const opened = await followConfiguration({ ...options, overrides }, endpoint => endpoints.push(endpoint));
    followers += 1;
    t.after(() => opened.close());
    return endpoints.at(-1) as Endpoint;
  };
  return {
    ...{ folder, file, followed, endpoints, problems, changes, warnings, open },
    /** Returns the context that is in use after the change. */
    async change(next: unknown) {
      const before = problems.length;
      await write(next);
      await followed.poll();
      // Of each: otherwise the last one could take this change and the next one for one.
      await until(() => problems.length >= before + followers);
      return endpoints.at(-1)?.context;
    },
  };
}

async function problemsOf(opening: Promise<unknown>): Promise<readonly string[]> {
  const error = await opening.then(
    () => assert.fail('problems were expected'),
    (error: unknown) => error,
  );
  assert.ok(error instanceof ConfigurationError, String(error));
  return error.problems;
}

describe('the configuration of a cluster', () => {
  it('is of the context, by a flag or by the kubeconfig; a flag with the server needs none', async t => {
    assert.equal((await (await start(t, kubeconfig)).open()).context, 'k');
    const byFlag = await start(t, kubeconfig, { overrides: { context: 'j' } });
    assert.equal((await byFlag.open()).context, 'j');
    const without = await start(t, '', { overrides: { server: 'http://127.0.0.1:1' } });
    assert.equal((await without.open()).context, '');
  });

  it('has problems if its kubeconfig is broken, or was not empty before; another context gets the last good one', async t => {
    const unusable = await start(t, broken);
    assert.match((await problemsOf(unusable.open())).join(), /contexts/);
    const { change, open, problems, followed, endpoints } = await start(t, kubeconfig);
    await open();
    for (const [content, problem] of [
      [broken, /contexts/],
      ['', /^the kubeconfig is empty now: .*config$/],
    ] as const) {
      await change(content);
      assert.match(problems.at(-1)?.join() ?? '', problem);
      assert.equal(endpoints.length, 1, 'the last good one stays in use');
      assert.equal((await open({ context: 'j' })).context, 'j');
      endpoints.pop();
    }
    assert.deepEqual(
      followed.contexts.map(({ name }) => name),
      ['k', 'j'],
    );
    await change({ ...kubeconfig, users: [{ name: 'u', user: { token: 'next' } }] });
    assert.deepEqual(problems.at(-1), []);
    assert.deepEqual(await endpoints.at(-1)?.source.get(), { authorization: 'Bearer next' });
  });

  it('names all problems together, and is used when the files that it names are there', async t => {
    const missing = join(temporaryFolder(), 'missing');
    const clusters = [
      { name: 'c', cluster: { ...cluster.cluster, 'certificate-authority': missing, 'proxy-url': 'x' } },
    ];
    const users = [{ name: 'u', user: { tokenFile: missing } }];
    const refuse = () => 'it does not fit';
    const bad = { ...kubeconfig, clusters, users, contexts: [context('k')] };
    const found = await problemsOf((await start(t, bad, { refuse })).open());
    assert.equal(found.length, 4, found.join('\n'));
    assert.deepEqual([found[0], found[3]], [`tokenFile ${missing}: no such file`, 'it does not fit']);
    assert.deepEqual(await problemsOf((await start(t, kubeconfig, { refuse })).open()), ['it does not fit']);
    const { change, open, problems, endpoints } = await start(t, kubeconfig, { interval: 10 });
    await open();
    await change({ ...kubeconfig, users });
    assert.deepEqual(problems.at(-1), [`tokenFile ${missing}: no such file`]);
    await writeFile(missing, 'late');
    await until(() => endpoints.length > 1);
    assert.deepEqual(await endpoints[1]?.source.get(), { authorization: 'Bearer late' });
  });

  it('stays with the context of the start if the kubeconfig names another one, and warns once of each', async t => {
    const { change, open, warnings, changes, followed } = await start(t, kubeconfig);
    await open();
    const moved = { ...kubeconfig, 'current-context': 'j' };
    assert.equal(await change(moved), 'k');
    const warning = { context: 'k', currentContext: 'j' };
    await until(() => warnings.length > 0);
    assert.deepEqual(warnings, [warning]);
    const server = { ...cluster, cluster: { server: 'https://c.example:7443' } };
    assert.equal(await change({ ...moved, clusters: [server, other] }), 'k', 'its content is followed');
    assert.deepEqual([warnings.length, changes.length], [1, 2]);
    await change(kubeconfig);
    await change(moved);
    await until(() => warnings.length > 1);
    assert.deepEqual(warnings, [warning, warning]);
    assert.equal((await open({ context: 'j' })).context, 'j');
    await change({ ...moved, 'current-context': 'k' });
    await change(moved);
    // The one of / comes first, so that of the flag would be there before the one of the next change.
    await until(() => warnings.length > 2);
    await change({ ...moved, 'current-context': 'k' });
    await change(moved);
    await until(() => warnings.length > 3);
    assert.equal(warnings.length, 4, 'a flag is no context of the start');
    assert.equal(followed.current?.currentContext, 'j');
  });

  it('has the last good configuration if the context of the start is gone, and then the one that has its name again', async t => {
    const { change, open, problems, file, endpoints } = await start(t, kubeconfig);
    await open();
    await change({ ...kubeconfig, contexts: [context('j', 'd')], 'current-context': 'j' });
    assert.deepEqual(problems, [[`context "k", which is in use since the start, is gone from ${file}`]]);
    assert.equal(endpoints.length, 1);
    await change({ ...kubeconfig, contexts: [context('k', 'd')] });
    assert.equal(endpoints.at(-1)?.config.server.hostname, 'd.example');
  });

  it('takes the context that a kubeconfig without one gets later, once', async t => {
    const { 'current-context': _, ...none } = kubeconfig;
    const overrides = { cluster: 'd', user: 'u' };
    const { change, open, changes } = await start(t, none, { overrides });
    assert.equal((await open()).context, '');
    assert.equal(await change({ ...none, 'current-context': 'j' }), 'j');
    assert.equal(await change(kubeconfig), 'j');
    assert.deepEqual(changes, [
      ['', 'j'],
      ['j', 'j'],
    ]);
  });

  it('has the version of a file that came right after the reading', async t => {
    const token = join(temporaryFolder(), 'token');
    await writeFile(token, 'old');
    const users = [{ name: 'u', user: { tokenFile: token } }];
    const { open, file, endpoints, followed } = await start(t, { ...kubeconfig, users }, { interval: 10 });
    await replacedWhenRead(t, token, 'new', () => open());
    await until(() => endpoints.length > 1);
    assert.deepEqual(await endpoints[1]?.source.get(), { authorization: 'Bearer new' });
    const other = await start(t, kubeconfig);
    const inline = JSON.stringify({ ...kubeconfig, users: [{ name: 'u', user: { token: 'new' } }] });
    await replacedWhenRead(t, other.file, inline, () => other.open());
    await other.followed.poll();
    await until(() => other.endpoints.length > 1);
    assert.deepEqual(await other.endpoints[1]?.source.get(), { authorization: 'Bearer new' });
    assert.notEqual(file, other.file);
    assert.deepEqual(followed.problems, []);
  });
});
