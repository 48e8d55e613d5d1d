import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { startProxyFor, writeAdminKubeconfig } from '../../../support/proxy/proxy.js';
import { Collector } from '../../../support/upstreams/trace-collector.js';

const server = await startFakeApiServer();
const kubeconfig = await writeAdminKubeconfig(server);
after(() => server.kill());

test('the built program sends what waits at its end, to where OpenTelemetry’s variables say', async t => {
  const collector = await Collector.start(t);
  const secret = 'hunter2';
  const flags = [
    `--kubeconfig=${kubeconfig.path}`,
    '--tracing-sampling-rate-per-million=1000000',
    '--log-level=trace',
  ];
  const proxy = await startProxyFor(t, flags, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${secret}`,
  });
  assert.equal((await send(proxy.port, '/version')).status, 200);
  await proxy.stop();
  await eventuallyPasses(() => assert.equal(collector.spans.filter(({ kind }) => kind === 2).length, 1));
  assert.deepEqual([collector.paths, collector.headers[0]?.['x-key']], [['/v1/traces'], secret]);
  assert.doesNotMatch(proxy.stderr(), new RegExp(secret));
});
