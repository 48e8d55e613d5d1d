import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startInProcess, startUpProblems } from '../../support/proxy/in-process.js';
import {
  addContext,
  arn,
  mountOf,
  startManyClusters,
  startManyStack,
  tokenOf,
  which,
} from '../../support/proxy/many-clusters.js';
import { assertStatus, send } from '../leg.js';

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

  test('works with --context, --as, --as-group, --as-uid and --as-user-extra, on every mount and leg', async t => {
    const flags = ['--context=two', '--as=jane', '--as-group=g', '--as-uid=1', '--as-user-extra=k=v'];
    const { port } = await startManyStack(t, { clusters, run: startInProcess, flags });
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      for (const [mount, context] of [
        ['', 'two'],
        ['/clusters/two', 'two'],
        [mountOf(arn), arn],
      ] as const) {
        const target = `${mount}${which}?start-up=${leg}${mount}.`;
        await send(port, { leg, target });
        const [arrival] = clusters.arrivals(`start-up=${leg}${mount}.`);
        const { 'impersonate-user': user } = arrival?.record.headers ?? {};
        assert.deepEqual([arrival?.context, user], [context, 'jane']);
        assertStatus(await send(port, { leg, target, headers: ['Impersonate-User: root'] }), 403, mount);
      }
    }
  });

  test('leaves the "as" of a context’s own user to its own mount', async t => {
    const own = await startManyClusters(t, {
      edit: (config, { two }) =>
        addContext(config, 'as jane', two, { user: { token: tokenOf('b'), as: 'jane' } }),
    });
    const { port } = await startManyStack(t, { clusters: own, run: startInProcess });
    for (const [mount, headers, code, user] of [
      ['/clusters/as%20jane', [], 403, 'jane'],
      ['/clusters/as%20jane', ['Impersonate-User: joe'], 403, undefined],
      ['/clusters/b', [], 200, undefined],
      ['/clusters/b', ['Impersonate-User: joe'], 403, 'joe'],
      ['', [], 200, undefined],
    ] as const) {
      const mark = `as=${mount}${headers.length}.`;
      const answer = await send(port, { target: `${mount}${which}?${mark}`, headers });
      const [arrival] = own.arrivals(mark);
      const found = arrival?.record.headers['impersonate-user'];
      assert.deepEqual([answer.code, found], [code, user], mark);
    }
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
