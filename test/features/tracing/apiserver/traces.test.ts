import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventuallyPasses } from '../../../support/eventually.js';
import { isInstalled } from '../../../support/installed.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { Collector, startGrpcCollector } from '../../../support/upstreams/trace-collector.js';

test('one trace has the request of kubectl in the proxy and in an API server that traces too', async (t, run) => {
  const ofServer = await startGrpcCollector(t);
  const configuration = join(temporaryFolder(), 'tracing.yaml');
  await writeFile(
    configuration,
    `apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: ${ofServer.address}\nsamplingRatePerMillion: 0\n`,
  );
  const { server } = await startOwnApiServer(t, run, { flags: [`--tracing-config-file=${configuration}`] });
  // Only the parent of a requestor in this group counts for the API server.
  const kubeconfig = await server.kubeconfig({
    commonName: 'proxy',
    organizations: ['system:masters', 'system:monitoring'],
  });
  const collector = await Collector.start(t);
  const proxy = await startInProcess(t, [
    ...[`--kubeconfig=${kubeconfig}`, `--tracing-endpoint=${collector.url}`],
    '--tracing-sampling-rate-per-million=1000000',
  ]);
  if (isInstalled('kubectl')) {
    const kubectl = promisify(execFile);
    await kubectl('kubectl', [`--server=${proxy.url}`, 'get', 'namespace', 'default', '-o', 'name'], {
      env: { PATH: process.env['PATH'], HOME: temporaryFolder() },
    });
  } else assert.equal((await fetch(`${proxy.url}/api/v1/namespaces/default`)).status, 200);
  await proxy.stop();
  const name = 'GET /api/v1/namespaces/{:namespace}/namespaces/{:name}';
  const [own, upstream] = [2, 3].map(kind => collector.named(name).find(span => span.kind === kind));
  assert.ok(own && upstream, JSON.stringify(collector.spans.map(span => span.name)));
  await eventuallyPasses(() => {
    const [below] = ofServer.spans.filter(({ traceId, kind }) => traceId === own.traceId && kind === 2);
    assert.ok(below, `${ofServer.spans.length} spans of the API server`);
    assert.deepEqual([below.name, below.parentId], [name, upstream.spanId]);
    assert.equal(below.attributes['audit-id'], own.attributes['audit-id']);
  }, 60_000);
});
