import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { send as sendRaw } from '../e2e/leg.js';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { ask, connectHttp2, openStream } from '../support/clients/http2-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { policyOf } from '../support/fake-api-server/rbac.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { writeAdminKubeconfig } from '../support/proxy/proxy.js';
import { startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { AskedWebhook } from '../support/upstreams/asked-webhook.js';
import { Collector, type ReceivedSpan } from '../support/upstreams/trace-collector.js';

const server = await startFakeApiServer();
const kubeconfig = await writeAdminKubeconfig(server);
after(() => server.kill());

const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const pod = '/api/v1/namespaces/default/pods/web-0';
const configMaps = '/api/v1/namespaces/default/configmaps';

for (const rate of [0, 1_000_000]) {
  test(`of authenticated callers the rate alone decides (${rate}), and only monitoring continues its trace`, async t => {
    const file = join(temporaryFolder(), 'tokens');
    writeFileSync(file, 'a,ann,1,team\nm,mon,2,"system:monitoring,team"\n');
    const audit = join(temporaryFolder(), 'audit.log');
    const collector = await Collector.start(t);
    const proxy = await startInProcess(t, [
      ...[`--kubeconfig=${kubeconfig.path}`, `--tracing-endpoint=${collector.url}`],
      `--tracing-sampling-rate-per-million=${rate}`,
      ...['--tracing-user', `--token-auth-file=${file}`, `--audit-log-path=${audit}`],
      ...['--allow-system-identities=system:monitoring', '--log-level=debug'],
    ]);
    const ask = (token: string) =>
      sendRaw(proxy.port, {
        target: pod,
        headers: [
          `Authorization: Bearer ${token}`,
          `traceparent: 00-${parent.traceId}-${parent.spanId}-01`,
          'tracestate: a=1',
        ],
      });
    const codes = [(await ask('a')).code, (await ask('m')).code, (await ask('none')).code];
    await proxy.stop();
    assert.deepEqual(codes.slice(2), [401]);
    assert.ok(codes[0] !== 401 && codes[1] !== 401, codes.join());
    const sent = server.requests.slice(-2).map(({ headers }) => String(headers['traceparent']));
    const flags = rate === 0 ? '00' : '01';
    for (const field of sent) assert.ok(field.endsWith(`-${flags}`), field);
    assert.deepEqual(
      sent.map(field => field.includes(parent.traceId)),
      [false, true],
    );
    const own = collector.spans.filter(({ kind }) => kind === 2);
    assert.deepEqual(
      own.map(({ attributes, links, parentId }) => [
        attributes['user.name'],
        parentId,
        links,
        attributes['kube_api_proxy.rejected_by'],
      ]),
      rate === 0
        ? []
        : [
            ['ann', '', [parent], undefined],
            ['mon', parent.spanId, [], undefined],
            [undefined, '', [parent], 'unauthenticated'],
          ],
    );
    const events = readFileSync(audit, 'utf8').trim().split('\n');
    const noted = events.map(text => {
      const { annotations = {} } = JSON.parse(text) as { annotations?: Record<string, string> };
      return annotations['kube-api-proxy/trace-id'];
    });
    assert.deepEqual(
      noted,
      rate === 0 ? [undefined, undefined, undefined] : own.map(({ traceId }) => traceId),
    );
  });
}

test('over HTTP/2 and TLS each stream is a request, and a shared watch is a trace of its own, to which its clients link', async t => {
  const files = await createServingFiles();
  const collector = await Collector.start(t);
  const proxy = await startInProcess(t, [
    ...[`--kubeconfig=${kubeconfig.path}`, `--tracing-endpoint=${collector.url}`, ...files.flags],
    ...['--tracing-sampling-rate-per-million=1000000', '--share-watches'],
  ]);
  const session = await connectHttp2(proxy.port, files.authority.certificate);
  assert.equal((await ask(session, pod)).headers[':status'], 200);
  const from = server.requests.length;
  const watches = [];
  for (const spanId of [parent.spanId, '00f067aa0ba902b7', undefined]) {
    const headers = spanId === undefined ? {} : { traceparent: `00-${parent.traceId}-${spanId}-01` };
    const watch = openStream(session, `${configMaps}?watch=true&resourceVersion=${server.version}`, headers);
    watches.push(watch);
    await once(watch, 'response');
  }
  for (const watch of watches) watch.close();
  await eventuallyPasses(() =>
    assert.equal(proxy.log().filter(({ msg, verb }) => msg === 'request' && verb === 'watch').length, 3),
  );
  session.close();
  await proxy.stop();
  const [own] = collector
    .named('GET /api/v1/namespaces/{:namespace}/pods/{:name}')
    .filter(({ kind }) => kind === 2);
  assert.deepEqual([own?.attributes['url.scheme'], own?.links, own?.parentId], ['https', [], '']);
  const name = 'GET /api/v1/namespaces/{:namespace}/configmaps';
  const [[root, ...others], heads, [upstream]] = [1, 2, 3].map(kind =>
    collector.named(name).filter(span => span.kind === kind),
  ) as [ReceivedSpan[], ReceivedSpan[], ReceivedSpan[]];
  assert.ok(root && upstream);
  assert.deepEqual(
    [others.length, root.parentId, root.links, root.attributes['url.scheme'], upstream.parentId],
    [0, '', [], undefined, root.spanId],
  );
  const link = { traceId: root.traceId, spanId: root.spanId };
  assert.deepEqual(
    heads.map(({ traceId, parentId, links }) => [traceId === parent.traceId, parentId, links]),
    [
      [true, parent.spanId, [link]],
      [true, '00f067aa0ba902b7', [link]],
      [false, '', [link]],
    ],
  );
  const sent = server.requests.slice(from).map(({ headers }) => headers['traceparent']);
  assert.deepEqual(sent, [`00-${root.traceId}-${upstream.spanId}-01`]);
  assert.equal(collector.named(`${name} stream`).length, 1 + heads.length);
});

test('what a request waits for are spans: its token, webhooks and reviews', async t => {
  const [collector, webhook] = [await Collector.start(t), await AskedWebhook.start(t)];
  const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
  const { proxy, tokens } = await startGateway(t, {
    run: startInProcess,
    server: { allow: policyOf(() => [everything]) },
    flags: [
      ...[`--tracing-endpoint=${collector.url}`, '--tracing-sampling-rate-per-million=1000000'],
      ...['--authentication-token-webhook', '--allow-impersonation'],
      `--authorization-config=${webhook.file}`,
    ],
  });
  tokens['alice-token'] = { username: 'alice' };
  const headers = ['Authorization: Bearer alice-token', 'Impersonate-User: bob'];
  assert.equal((await sendRaw(proxy.port, { target: pod, headers })).code, 200);
  await proxy.stop();
  const [own] = collector.spans.filter(({ kind }) => kind === 2);
  const waits = collector.spans.filter(({ parentId, kind }) => parentId === own?.spanId && kind === 1);
  assert.deepEqual(
    waits.map(({ name }) => name),
    // Whether alice may act as bob, and then whether bob may do it.
    ['authentication', 'webhook', 'review', 'webhook'],
  );
});
