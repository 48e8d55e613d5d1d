import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startInProcess, startUpProblems } from '../../support/proxy/in-process.js';
import { startManyClusters, startManyStack, which } from '../../support/proxy/many-clusters.js';
import { send } from '../leg.js';

const clusters = await startManyClusters({ after });
const all = [`--kubeconfig=${clusters.kubeconfig}`, '--all-contexts'];

/** Flags that describe one cluster or one user, each with a value that is valid without --all-contexts. */
const ofOne = [
  '--cluster=cluster of a',
  '--user=user of a',
  '--token=s3cret',
  '--client-certificate=client.crt',
  '--client-key=client.key',
  '--certificate-authority=ca.crt',
  '--tls-server-name=kubernetes',
  '--insecure-skip-tls-verify',
  '--username=admin',
  '--password=s3cret',
];

/** The problems of a flag together with --all-contexts, which name both. */
function naming(problems: readonly string[], flag: string): string[] {
  const named = new RegExp(`${flag}\\b`);
  return problems.filter(problem => named.test(problem) && problem.includes('--all-contexts'));
}

describe('--all-contexts', () => {
  test('with flags that describe one cluster or user does not start, and gives the reason for each', async () => {
    const problems = await startUpProblems([...all, ...ofOne], {
      KUBE_API_PROXY_SERVER: 'https://127.0.0.1:6443',
    });
    for (const argument of ['--server', ...ofOne]) {
      const [problem = '', ...more] = naming(problems, argument.replace(/=.*/, ''));
      assert.match(problem, /every|all |each/, `${argument}: ${problems.join('\n')}`);
      assert.deepEqual(more, []);
    }
    assert.ok(!problems.join().includes('s3cret'));
  });

  test('works with --context, --as, --as-group, --as-uid and --as-user-extra', async t => {
    const flags = ['--context=b', '--as=jane', '--as-group=g', '--as-uid=1', '--as-user-extra=k=v'];
    const { port } = await startManyStack(t, { clusters, run: startInProcess, flags });
    await send(port, { target: `${which}?start-up=1` });
    await send(port, { target: `/clusters/a${which}?start-up=2` });
    const found = clusters
      .arrivals('start-up=')
      .map(({ context, record }) => `${context} as ${record.headers['impersonate-user']}`);
    assert.deepEqual(found.sort(), ['a as jane', 'b as jane']);
  });

  test('serves the contexts of several kubeconfigs in KUBECONFIG, the first one for each name', async t => {
    const other = await startManyClusters(t, {
      edit: config => {
        config.contexts = config.contexts.filter(({ name }) => name === 'a' || name === 'b');
        const b = config.contexts.find(({ name }) => name === 'b');
        if (b !== undefined) b.name = 'only here';
      },
    });
    const env = { KUBECONFIG: `${clusters.kubeconfig}:${other.kubeconfig}` };
    const proxy = await startInProcess(t, ['--all-contexts'], env);
    assert.equal((await send(proxy.port, { target: `/clusters/a${which}?merged=1` })).code, 200);
    assert.equal(clusters.arrivals('merged=1').length, 1, 'the first file wins');
    await send(proxy.port, { target: `/clusters/only%20here${which}?merged=2` });
    assert.equal([...clusters.arrivals('merged=2'), ...other.arrivals('merged=2')].length, 1);
  });
});

test('a prefix at /clusters/ is rejected with --all-contexts', async () => {
  for (const flag of ['--api-prefix=/clusters', '--api-prefix=/clusters/a/', '--www-prefix=/clusters/']) {
    const problems = await startUpProblems([...all, flag, `--www=${clusters.folder}`]);
    assert.notEqual(naming(problems, flag.replace(/=.*/, '')).length, 0, problems.join());
  }
});

test('--contexts without --all-contexts does not start, and gives the reason', async () => {
  const problems = await startUpProblems([`--kubeconfig=${clusters.kubeconfig}`, '--contexts=^a$']);
  assert.match(problems.join('\n'), /--contexts.*--all-contexts/);
});
