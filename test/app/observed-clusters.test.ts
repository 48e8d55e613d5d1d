import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import pino from 'pino';
import { ObservedClusters } from '../../src/app/observed-clusters.js';
import { withClusterLabel } from '../../src/observability/metrics/cluster-label.js';
import { parseOptions } from '../../src/options/parse.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { createIdleMetrics } from '../support/proxy/metrics.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const day = 24 * 3_600_000;

it('a context that no longer exists has no warnings and no metrics', async t => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.UTC(2030, 0, 1) });
  const authority = await createCertificateAuthority();
  const { certificate, key } = await authority.client({ notAfter: new Date(Date.now() + 8 * day) });
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const kubeconfig = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [
      { name: 'u', user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) } },
    ],
    contexts: ['gone', 'stays'].map(name => ({ name, context: { cluster: 'c', user: 'u' } })),
  };
  const folder = temporaryFolder();
  const file = join(folder, 'config');
  await writeFile(file, JSON.stringify(kubeconfig));
  const messages: string[] = [];
  const logger = pino({ level: 'warn' }, { write: line => void messages.push(line) });
  const metrics = createIdleMetrics({ clusterLabel: withClusterLabel });
  const clusters = new ObservedClusters({
    options: parseOptions({ argv: ['--all-contexts', `--kubeconfig=${file}`], env: {} }).options,
    env: {},
    homedir: '',
    logger: logger as never,
    metrics,
    refuse: undefined,
  });
  t.after(() => clusters.close());
  const { registry } = clusters;
  const update = (...names: string[]) =>
    registry.update(names.map(name => ({ name, cluster: '', user: '', namespace: '', server: '' })));
  const measured = async () => {
    const text = await metrics.registry.metrics();
    return [
      ...text.matchAll(/^kube_api_proxy_client_certificate_expir\w+\{cluster="([^"]*)"\} (?!NaN)/gm),
    ].map(([, name]) => name);
  };
  update('gone', 'stays');
  clusters.start();
  for (const name of ['gone', 'stays']) await registry.get(name)?.open();
  assert.deepEqual(await measured(), ['gone', 'stays']);
  update('stays');
  assert.deepEqual(await measured(), ['stays']);
  t.mock.timers.tick(2 * day);
  assert.deepEqual(
    new Set(messages.map(line => (JSON.parse(line) as { msg: string }).msg)),
    new Set(['the client certificate of context "stays" expires soon']),
  );
});

it('the API server of / is described by its context, or by the flags that take the place of its parts', async t => {
  const file = join(temporaryFolder(), 'config');
  await writeFile(
    file,
    JSON.stringify({
      clusters: ['c', 'd'].map(name => ({ name, cluster: { server: `https://${name}.example:6443/x` } })),
      users: ['u', 'v'].map(name => ({ name, user: { token: 's3cret' } })),
      contexts: [
        { name: 'k', context: { cluster: 'c', user: 'u' } },
        { name: 'j', context: { cluster: 'd', user: 'v' } },
      ],
      'current-context': 'k',
    }),
  );
  const described = async (...flags: readonly string[]) => {
    const { options } = parseOptions({ argv: flags, env: {} });
    const clusters = new ObservedClusters({
      ...{ options, env: {}, homedir: '', logger: pino({ level: 'silent' }) as never },
      ...{ metrics: createIdleMetrics(), refuse: undefined },
    });
    t.after(() => clusters.close());
    await clusters.registry.default.open();
    return clusters.describeDefault(options);
  };
  const kubeconfig = `--kubeconfig=${file}`;
  const server = 'https://c.example:6443/x';
  assert.deepEqual(await described(kubeconfig), { context: 'k', cluster: 'c', server, user: 'u' });
  const other = { context: 'j', cluster: 'd', server: 'https://d.example:6443/x', user: 'v' };
  assert.deepEqual(await described(kubeconfig, '--context=j'), other);
  assert.deepEqual(await described(kubeconfig, '--cluster=d', '--user=v'), {
    ...{ context: 'k', cluster: 'd', server: 'https://d.example:6443/x', user: 'v' },
  });
  assert.deepEqual(await described('--server=http://e:1'), {
    ...{ context: undefined, cluster: undefined, server: 'http://e:1', user: undefined },
  });
});
