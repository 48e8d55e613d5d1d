import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { send as sendRaw } from '../../../e2e/leg.js';
import { send } from '../../../support/clients/http-client.js';
import { openWatch } from '../../../support/clients/watch-client.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { writeAdminKubeconfig } from '../../../support/proxy/proxy.js';
import { Collector } from '../../../support/upstreams/trace-collector.js';

const server = await startFakeApiServer();
const kubeconfig = await writeAdminKubeconfig(server);
after(() => server.kill());

const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const traceparent = (flags: string) => `00-${parent.traceId}-${parent.spanId}-${flags}`;
const pod = '/api/v1/namespaces/default/pods/web-0';
const ofPod = 'GET /api/v1/namespaces/{:namespace}/pods/{:name}';

async function start(t: TestContext, args: readonly string[] = []) {
  const collector = await Collector.start(t);
  const flags = [`--tracing-endpoint=${collector.url}`, ...args];
  const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig.path}`, ...flags]);
  return { collector, proxy };
}

const all = '--tracing-sampling-rate-per-million=1000000';

test('a request is a span of the server and one of the client, named as the API server names its own', async t => {
  const { collector, proxy } = await start(t, [all]);
  assert.equal((await send(proxy.port, `${pod}?x=secret`)).status, 200);
  const line = await eventuallyPasses(() => {
    const [found] = proxy.log().filter(({ msg }) => msg === 'request');
    assert.ok(found);
    return found;
  });
  await proxy.stop();
  const [own, upstream] = [2, 3].map(kind => collector.spans.find(span => span.kind === kind));
  assert.ok(own && upstream);
  assert.deepEqual([own.name, own.parentId, own.status], [ofPod, '', 0]);
  assert.deepEqual(own.attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'http.route': '/api/v1/namespaces/{:namespace}/pods/{:name}',
    'http.response.status_code': 200,
    'kube_api_proxy.verb': 'get',
    'kube_api_proxy.resource': 'pods',
    'kube_api_proxy.namespace': 'default',
    'audit-id': own.attributes['audit-id'],
  });
  assert.deepEqual([upstream.parentId, upstream.traceId], [own.spanId, own.traceId]);
  assert.deepEqual(upstream.attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(server.url).port),
  });
  const [dial] = collector.named('dial');
  assert.equal(dial?.parentId, upstream.spanId);
  for (const span of [upstream, dial])
    assert.ok(own.from <= span.from && span.from <= span.to && span.to <= own.to);
  const age = Date.now() - Number(own.from / 1_000_000n);
  assert.ok(age >= -5 && age < 60_000, `${age}`);
  assert.equal(own.resource['service.name'], 'kube-api-proxy');
  assert.deepEqual([line['trace_id'], line['span_id']], [own.traceId, own.spanId]);
  const [seen] = server.requests.filter(({ rawUrl }) => rawUrl.startsWith(pod)).slice(-1);
  assert.equal(seen?.headers['traceparent'], `00-${own.traceId}-${upstream.spanId}-01`);
  assert.deepEqual(collector.paths, ['/v1/traces']);
});

test('a stream is a span until its head, and one more in a trace of its own at its end', async t => {
  const { collector, proxy } = await start(t, [all, '--reject-paths=']);
  const watch = await openWatch(`${proxy.url}/api/v1/namespaces/default/pods?watch=true`);
  watch.close();
  const answer = await sendRaw(proxy.port, {
    leg: 'websocket',
    target: `${pod}/exec?command=id&stdout=true`,
  });
  assert.equal(answer.code, 101);
  await eventuallyPasses(() => assert.equal(proxy.log().filter(({ msg }) => msg === 'request').length, 2));
  await proxy.stop();
  for (const [name, code] of [
    ['GET /api/v1/namespaces/{:namespace}/pods', 200],
    [`${ofPod}/exec`, 101],
  ] as const) {
    const [own, upstream] = [2, 3].map(kind => collector.named(name).find(span => span.kind === kind));
    const [stream] = collector.named(`${name} stream`);
    assert.ok(own && upstream && stream, name);
    assert.equal(own.attributes['http.response.status_code'], code);
    assert.equal(upstream.parentId, own.spanId);
    assert.deepEqual(stream.links, [{ traceId: own.traceId, spanId: own.spanId }]);
    assert.deepEqual([stream.parentId, stream.from >= own.to], ['', true]);
    assert.notEqual(stream.traceId, own.traceId);
  }
});

test('a local client continues its trace with its own decision, and an invalid one is ignored', async t => {
  const { collector, proxy } = await start(t, ['--tracing-sampling-rate-per-million=0']);
  const sent = async (headers: readonly string[]) => {
    await sendRaw(proxy.port, { target: pod, headers });
    const { headers: seen } = server.requests.at(-1) as { headers: Record<string, unknown> };
    return [seen['traceparent'], seen['tracestate'], seen['baggage']] as const;
  };
  const more = ['tracestate: a=1', 'tracestate: b=2', 'baggage: who=me'];
  const [sampled, state, baggage] = await sent([`traceparent: ${traceparent('01')}`, ...more]);
  assert.match(String(sampled), new RegExp(`^00-${parent.traceId}-(?!${parent.spanId})[0-9a-f]{16}-01$`));
  assert.deepEqual([state, baggage], ['a=1,b=2', undefined]);
  const [unsampled] = await sent([`traceparent: ${traceparent('00')}`]);
  assert.match(String(unsampled), new RegExp(`^00-${parent.traceId}-[0-9a-f]{16}-00$`));
  const twice = [`traceparent: ${traceparent('01')}`, `Traceparent: ${traceparent('01')}`];
  for (const headers of [[], [`traceparent: ${traceparent('1')}`, ...more], twice]) {
    const [fresh, ...others] = await sent(headers);
    assert.match(String(fresh), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.doesNotMatch(String(fresh), new RegExp(parent.traceId));
    assert.deepEqual(others, [undefined, undefined]);
  }
  await proxy.stop();
  const own = collector.spans.filter(({ kind }) => kind === 2);
  assert.deepEqual(
    own.map(({ traceId, parentId, links }) => ({ traceId, parentId, links })),
    [{ traceId: parent.traceId, parentId: parent.spanId, links: [] }],
  );
});

test('without the flag what a client says of its trace passes', async t => {
  const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig.path}`]);
  await sendRaw(proxy.port, { target: pod, headers: ['traceparent: x', 'tracestate: y', 'baggage: z'] });
  const { headers } = server.requests.at(-1) as { headers: Record<string, unknown> };
  assert.deepEqual([headers['traceparent'], headers['tracestate'], headers['baggage']], ['x', 'y', 'z']);
});

test('nothing of a token, a query, a name or a path reaches a span', async t => {
  const { collector, proxy } = await start(t, [all, '--reject-paths=^/api/v1/hidden']);
  const secret = 'hunter2';
  for (const target of [
    `/api/v1/namespaces/default/pods/${secret}?labelSelector=${secret}`,
    `/api/v1/namespaces/default/services/web:${secret}/proxy/${secret}?x=${secret}`,
    `/healthz/${secret}`,
    `/api/v1/hidden?${secret}`,
    `/apis/%zz${secret}`,
    `//user:${secret}@host/`,
  ]) {
    await sendRaw(proxy.port, {
      target,
      headers: [`Authorization: Bearer ${secret}`, `X-Remote-User: ${secret}`],
    });
  }
  await proxy.stop();
  assert.ok(collector.spans.length >= 6);
  const text = JSON.stringify(collector.spans, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  assert.doesNotMatch(text, new RegExp(secret));
});
