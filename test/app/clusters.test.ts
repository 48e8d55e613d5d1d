import assert from 'node:assert/strict';
import { it } from 'node:test';
import pino from 'pino';
import { Clusters } from '../../src/app/clusters.js';
import { withClusterLabel } from '../../src/observability/metrics/cluster-label.js';
import { parseOptions } from '../../src/options/parse.js';
import { sharedIdentity } from '../support/certificates.js';
import { createEndpoint } from '../support/followed-cluster.js';
import { createIdleMetrics } from '../support/metrics.js';

const day = 24 * 3_600_000;

it('a context that no longer exists has no warnings and no metrics', async t => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.UTC(2030, 0, 1) });
  const { clientCertificate } = await sharedIdentity();
  const notAfter = new Date(Date.now() + 8 * day);
  const credential = { clientCertificate: { ...clientCertificate, notAfter } };
  const messages: string[] = [];
  const logger = pino({ level: 'warn' }, { write: line => void messages.push(line) });
  const metrics = createIdleMetrics({ clusterLabel: withClusterLabel });
  const clusters = new Clusters({
    options: parseOptions({ argv: ['--all-contexts'], env: {} }).options,
    ...{ env: {}, homedir: '', logger: logger as never, metrics, refuse: undefined },
    follow: name => async use => {
      const { source } = createEndpoint(name);
      use(createEndpoint(name, { source: { ...source, get: () => credential as never } }));
      return { close() {} };
    },
  });
  t.after(() => clusters.close());
  const { registry } = clusters;
  const update = (...names: string[]) =>
    registry.update(names.map(name => ({ name, cluster: '', user: '', namespace: '', server: '' })));
  const measured = async () => {
    const { text } = await metrics.render('');
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
    messages.map(line => (JSON.parse(line) as { msg: string }).msg),
    ['the client certificate of context "stays" expires soon'],
  );
});
