import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { send } from '../../../support/clients/http-client.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { policyOf } from '../../../support/fake-api-server/rbac.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { callersFlag } from '../../../support/proxy/callers.js';
import { startInProcess, startUpProblems } from '../../../support/proxy/in-process.js';
import { addContext, emptyKubeconfig, tokenOf } from '../../../support/proxy/many-clusters.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const folder = temporaryFolder();
const callers = join(folder, 'callers.csv');
await writeFile(callers, 'of-alice,alice,,"dev"\nof-rita,rita,,"ops"\n');

/** The cluster of /, one that alice may use, one that nobody may use, and one that nobody can reach. */
const names = ['management', 'kube-api-proxy', 'hush-hush', 'far-away'] as const;
const lister = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['list'] }];
const may: Record<string, readonly string[]> = { management: ['rita'], 'kube-api-proxy': ['alice', 'rita'] };
const review = { apiGroups: ['authorization.k8s.io'], resources: ['*'], verbs: ['create'] };
const config = emptyKubeconfig('management');
for (const name of names) {
  const server = await startFakeApiServer({
    clientCertificates: 'optional',
    tokens: { [tokenOf(name)]: { username: 'gateway', groups: ['system:masters'] } },
    allow: policyOf(user => [review, ...(may[name]?.includes(user) ? lister : [])]),
  });
  after(() => server.kill());
  // Nothing listens on tcpmux.
  addContext(config, name, server, name === 'far-away' ? { cluster: { server: 'https://127.0.0.1:1' } } : {});
}
const kubeconfig = join(folder, 'config');
await writeFile(kubeconfig, stringify(config));
const access = '--cluster-access=list/namespaces';
const flags = [`--kubeconfig=${kubeconfig}`, '--all-contexts', callersFlag(callers)];
const clock = new ManualClock(Date.now());
const { port } = await startInProcess({ after }, [...flags, access, '--admin-port=0'], {}, { clock });
const get = (path: string, who?: string) =>
  send(port, path, { headers: who === undefined ? {} : { authorization: `Bearer of-${who}` } });

describe('with --cluster-access', () => {
  it('/-/clusters lists for each caller the clusters that let the caller do it, and says that one gives no answer', async () => {
    for (const [who, expected] of [
      ['alice', ['kube-api-proxy']],
      ['rita', ['management', 'kube-api-proxy']],
    ] as const) {
      const { json } = await get('/-/clusters', who);
      const { clusters, isComplete, root } = json as {
        readonly clusters: readonly { readonly name: string; readonly path: string }[];
        readonly isComplete: boolean;
        readonly root: object;
      };
      assert.deepEqual(
        [clusters.map(({ path }) => path), isComplete, root],
        [expected.map(name => `/clusters/${name}`), false, { path: '' }],
      );
    }
  });

  it('/-/kubeconfig has the same, and that of / under no name that the caller is not shown', async () => {
    const { text } = await get('/-/kubeconfig', 'alice');
    const contexts = [...text.matchAll(/^ {2}- name: "?([^"\n]*)"?\n {4}context:/gm)].map(([, name]) => name);
    assert.deepEqual(contexts, ['kube-api-proxy-current', 'kube-api-proxy']);
  });

  it('nothing that the main listener answers tells a caller the name of another cluster', async () => {
    const paths = [
      ...[
        '/-/',
        '/-/clusters',
        '/-/kubeconfig',
        '/-/kubeconfig?auth=oidc',
        '/-/readyz?verbose',
        '/-/livez?verbose',
      ],
      ...[
        '/-/metrics',
        '/-/rules?request=GET%20/clusters/hush/api',
        '/clusters/',
        '/clusters/hush',
        '/clusters/hush/api',
      ],
      ...['/clusters', '/clusters/%2e%2e', '/', '/api', '/version', '/api/v1/namespaces'],
    ];
    for (const path of paths) {
      const { text, headers } = await get(path, 'alice');
      assert.doesNotMatch(text + JSON.stringify(headers), /hush-hush|far-away|management/, path);
    }
    const { status, text } = await get('/clusters/hush/api', 'alice');
    assert.equal(status, 404);
    assert.match(
      text,
      /there is no such cluster below \/clusters\/; \/-\/clusters lists those that you are shown/,
    );
  });

  it('a caller who knows a name gets what the API server there lets the caller do', async () => {
    assert.equal((await get('/clusters/hush-hush/api/v1/namespaces', 'alice')).status, 403);
    assert.equal((await get('/clusters/kube-api-proxy/api/v1/namespaces', 'alice')).status, 200);
  });

  it('whoever is no caller is told nothing', async () => {
    assert.equal((await get('/-/clusters')).status, 401);
    assert.doesNotMatch((await get('/-/kubeconfig')).text, /hush|far|management|- name: kube-api-proxy-/);
  });

  it('a right that is taken away takes the cluster off the list', async () => {
    may['kube-api-proxy'] = ['rita'];
    clock.advance(9_999);
    assert.match(
      (await get('/-/clusters', 'alice')).text,
      /"name"/,
      'as any other permission, it is remembered for 10 s',
    );
    clock.advance(2_000);
    assert.doesNotMatch((await get('/-/clusters', 'alice')).text, /"name"/);
  });
});

it('--cluster-access needs callers, and that /-/metrics is not for them', async () => {
  const server = config.clusters[0]?.cluster['server'];
  const problems = await startUpProblems([`--server=${server}`, access]);
  assert.equal(problems.length, 2, problems.join('\n'));
  assert.match(problems[0] ?? '', /^--cluster-access needs a method of authentication \(/);
  assert.equal(
    problems[1],
    '--cluster-access needs --admin-port: otherwise /-/metrics tells every caller all names',
  );
});
