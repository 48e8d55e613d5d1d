import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRequestInfo, type RequestInfo } from '../../../src/kubernetes/request-info.js';
import { withClusterLabel, withoutClusterLabel } from '../../../src/observability/metrics/cluster-label.js';
import type { ClusterMetrics, Metrics } from '../../../src/observability/metrics/metrics.js';
import type { ServedRequest } from '../../../src/observability/metrics/request-metrics.js';
import { createIdleMetrics } from '../../support/proxy/metrics.js';

function create(): Metrics & ClusterMetrics {
  return createIdleMetrics({
    connections: () => new Map([['', { idle: 1, active: 2, upgraded: 3 }]]),
    droppedLines: () => 17,
    readiness: async () =>
      new Map([
        ['credentials', true],
        ['upstream', false],
      ]),
  });
}

/** How a request ends. */
const end = (info: RequestInfo, code: number, more: Partial<ServedRequest> = {}): ServedRequest => ({
  ...{
    info,
    code,
    isUpgrade: false,
    firstByteAfter: undefined,
    hasSucceeded: false,
    endedBy: undefined,
    isRevoked: false,
  },
  ...more,
});

/** A request comes and ends. */
function serve(
  metrics: ClusterMetrics,
  info: RequestInfo,
  code: number,
  more?: Partial<ServedRequest>,
): void {
  metrics.requestStarted(info).ended(end(info, code, more), 0.01, 0, 0);
}

function render(metrics: Metrics): Promise<string> {
  return metrics.registry.metrics();
}

function parse(method: string, target: string): RequestInfo {
  const [path = '', query = ''] = target.split('?');
  return parseRequestInfo(method, path, query);
}

/** The samples of the proxy's own metrics, as `name{labels}` to value. */
async function samples(metrics: Metrics): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const line of (await render(metrics)).split('\n')) {
    const match = /^(kube_api_proxy_\S+?(?:\{.*\})?) (\S+)$/.exec(line);
    if (match?.[1] !== undefined) found.set(match[1], Number(match[2]));
  }
  return found;
}

const pods = 'group="",version="v1",resource="pods"';

describe('metrics', () => {
  it('count a short request by its labels and code, measure its time, and count it as in flight until its end', async () => {
    const metrics = create();
    const info = parse('GET', '/api/v1/namespaces/d/pods');
    const request = metrics.requestStarted(info);
    assert.equal((await samples(metrics)).get('kube_api_proxy_inflight_requests'), 1);
    request.ended(end(info, 200, { firstByteAfter: 30 }), 0.07, 11, 12);
    const after = await samples(metrics);
    const labels = `verb="list",${pods},subresource="",scope="namespace"`;
    assert.equal(after.get('kube_api_proxy_inflight_requests'), 0);
    assert.equal(after.get(`kube_api_proxy_requests_total{${labels},code="200"}`), 1);
    assert.equal(after.get(`kube_api_proxy_request_duration_seconds_count{${labels}}`), 1);
    assert.equal(after.get(`kube_api_proxy_request_duration_seconds_sum{${labels}}`), 0.07);
    assert.equal(after.get(`kube_api_proxy_request_duration_seconds_bucket{le="0.05",${labels}}`), 0);
    assert.equal(after.get(`kube_api_proxy_request_duration_seconds_bucket{le="0.1",${labels}}`), 1);
    assert.equal(after.get('kube_api_proxy_upstream_first_byte_duration_seconds_sum'), 0.03);
    // A watch that many requests share.
    metrics.firstByte(60);
    const shared = await samples(metrics);
    assert.equal(shared.get('kube_api_proxy_upstream_first_byte_duration_seconds_sum'), 0.09);
    assert.equal(after.get('kube_api_proxy_request_bytes_total{leg="plain"}'), 11);
    assert.equal(after.get('kube_api_proxy_response_bytes_total{leg="plain"}'), 12);
  });

  it('have a long-running request in their gauge, count it at its end, and never measure its time', async () => {
    const metrics = create();
    const labels = `verb="watch",${pods},subresource="",scope="cluster"`;
    const info = parse('GET', '/api/v1/pods?watch=1');
    const request = metrics.requestStarted(info);
    request.opened(end(info, 200, { firstByteAfter: 30 }));
    const during = await samples(metrics);
    assert.equal(during.get(`kube_api_proxy_longrunning_requests{${labels}}`), 1);
    assert.equal(during.get('kube_api_proxy_inflight_requests'), 0);
    assert.equal(during.get('kube_api_proxy_upstream_first_byte_duration_seconds_count'), 1);
    request.ended(end(info, 200, { isUpgrade: true, endedBy: 'client' }), 3600, 11, 12);
    serve(metrics, info, 403, { endedBy: 'upstream' });
    serve(metrics, info, 403, { endedBy: 'access', isRevoked: true });
    const after = await samples(metrics);
    assert.equal(after.get(`kube_api_proxy_longrunning_requests{${labels}}`), 0);
    assert.equal(after.get(`kube_api_proxy_requests_total{${labels},code="200"}`), 1);
    assert.equal(after.get('kube_api_proxy_upstream_first_byte_duration_seconds_count'), 1);
    assert.equal(after.get('kube_api_proxy_request_bytes_total{leg="upgrade"}'), 11);
    assert.equal(after.get('kube_api_proxy_longrunning_requests_ended_total{reason="client"}'), 1);
    const refused = after.get('kube_api_proxy_longrunning_requests_ended_total{reason="upstream"}');
    assert.equal(refused, 0, 'a refusal is no stream that ends');
    assert.equal(after.get('kube_api_proxy_longrunning_requests_ended_total{reason="access"}'), 1);
    assert.ok(![...after.keys()].some(key => key.startsWith('kube_api_proxy_request_duration_seconds')));
  });

  it('use the verb connect for exec, attach, port-forward and proxies, and the method for non-resource paths', async () => {
    const metrics = create();
    const pod = '/api/v1/namespaces/d/pods/p';
    for (const [method, target, ...values] of [
      ['GET', `${pod}/exec`, 'connect', '', 'v1', 'pods', 'exec', 'resource'],
      ['POST', `${pod}/attach`, 'connect', '', 'v1', 'pods', 'attach', 'resource'],
      ['DELETE', `${pod}/proxy/x`, 'connect', '', 'v1', 'pods', 'proxy', 'resource'],
      ['GET', `${pod}/log`, 'get', '', 'v1', 'pods', 'log', 'resource'],
      ['OPTIONS', '/api/v1/pods', 'other', '', 'v1', 'pods', '', 'cluster'],
      ['HEAD', '/livez', 'head', '', '', '', '', ''],
      ['WATCH', '/livez', 'other', '', '', '', '', ''],
      [
        ...['POST', '/apis/apps/v1/namespaces/d/deployments', 'create', 'apps', 'v1', 'deployments', ''],
        'resource',
      ],
      [
        ...(['PUT', '/apis/apps/v1/namespaces/d/deployments/a/paint'] as const),
        ...(['update', 'other', 'other', 'other', 'other', 'resource'] as const),
      ],
      ['GET', '/apis/made.up/v1/things', 'list', 'other', 'other', 'other', 'other', 'cluster'],
    ] as const) {
      serve(metrics, parse(method, target), 204);
      const labels = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'];
      const text = labels.map((label, at) => `${label}="${values[at]}"`).join();
      const found = (await samples(metrics)).get(`kube_api_proxy_requests_total{${text},code="204"}`);
      assert.equal(found, 1, target);
    }
  });

  it('have the code 0 without an answer and "other" for an invalid status code', async () => {
    const metrics = create();
    for (const code of [0, 101, 599, 99, 600, -1, 200.5, Number.NaN]) {
      serve(metrics, parse('GET', '/version'), code);
    }
    const codes = new Map<string | undefined, number>();
    for (const [key, value] of await samples(metrics)) {
      if (key.startsWith('kube_api_proxy_requests_total')) codes.set(/code="(.*?)"/.exec(key)?.[1], value);
    }
    assert.deepEqual(Object.fromEntries(codes), { 0: 1, 101: 1, 599: 1, other: 5 });
  });

  it('show every reason at 0 from the start, and count it afterwards', async () => {
    const metrics = create();
    const before = await samples(metrics);
    assert.equal(before.get('kube_api_proxy_rejected_requests_total{reason="host"}'), 0);
    assert.equal(before.get('kube_api_proxy_upstream_errors_total{reason="tls_client_certificate"}'), 0);
    metrics.rejected('host');
    metrics.upstreamError('tls_client_certificate');
    const after = await samples(metrics);
    assert.equal(after.get('kube_api_proxy_rejected_requests_total{reason="host"}'), 1);
    assert.equal(after.get('kube_api_proxy_upstream_errors_total{reason="tls_client_certificate"}'), 1);
  });

  it('read passing checks, upstream connections and missing lines of the log at each scrape, and the client certificate’s expiry while there is one', async () => {
    const found = await samples(create());
    assert.equal(found.get('kube_api_proxy_ready{check="credentials"}'), 1);
    assert.equal(found.get('kube_api_proxy_ready{check="upstream"}'), 0);
    assert.equal(found.get('kube_api_proxy_upstream_connections{state="upgraded"}'), 3);
    const name = 'kube_api_proxy_client_certificate_expiration_timestamp_seconds';
    const metrics = create();
    assert.equal((await samples(metrics)).has(name), false);
    assert.equal((await samples(metrics)).get('kube_api_proxy_log_dropped_lines_total'), 17);
    metrics.credentials.clientCertificateExpires(new Date('2033-05-18T03:33:20Z'));
    assert.equal((await samples(metrics)).get(name), 2_000_000_000);
    metrics.credentials.clientCertificateExpires(undefined);
    assert.equal((await samples(metrics)).has(name), false);
  });

  it('count and measure connections, upgrades, credentials and reloads, in seconds', async () => {
    const metrics = create();
    const { connected, upgraded } = metrics.connections;
    connected(250, undefined);
    connected(250, 2_000);
    for (const protocol of ['WebSocket', 'spdy/3.1', 'SPDY/3.1', 'h2c', 'xwebsocket']) upgraded(protocol);
    const { refreshed, expires, unauthorized } = metrics.credentials;
    refreshed('exec', 'failure');
    unauthorized();
    expires('exec', new Date(5_000));
    expires('oidc', new Date(6_000));
    expires('oidc', undefined);
    metrics.reloaded(false);
    const before = await samples(metrics);
    metrics.reloaded(true);
    const after = await samples(metrics);
    const connect = 'upstream_connect_duration_seconds';
    for (const [name, value] of Object.entries({
      [`${connect}_count{phase="connect"}`]: 2,
      [`${connect}_sum{phase="connect"}`]: 0.5,
      [`${connect}_sum{phase="tls"}`]: 2,
      'upgrades_total{protocol="websocket"}': 1,
      'upgrades_total{protocol="spdy"}': 2,
      'upgrades_total{protocol="other"}': 2,
      'credential_refreshes_total{source="exec",result="failure"}': 1,
      upstream_unauthorized_total: 1,
      'credential_expiration_timestamp_seconds{source="exec"}': 5,
      'config_reloads_total{result="failure"}': 1,
      config_last_reload_successful: 0,
    }))
      assert.equal(before.get(`kube_api_proxy_${name}`), value, name);
    assert.equal(
      before.get('kube_api_proxy_credential_expiration_timestamp_seconds{source="oidc"}'),
      undefined,
    );
    assert.equal(after.get('kube_api_proxy_config_reloads_total{result="success"}'), 1);
    assert.equal(after.get('kube_api_proxy_config_last_reload_successful'), 1);
    const idle = await samples(create());
    for (const protocol of ['websocket', 'spdy', 'other'])
      assert.equal(idle.get(`kube_api_proxy_upgrades_total{protocol="${protocol}"}`), 0);
    for (const result of ['success', 'failure'])
      assert.equal(idle.get(`kube_api_proxy_config_reloads_total{result="${result}"}`), 0);
  });

  it('name the build, and those of a cluster stay the same when it comes again, and are named only beside others', async () => {
    const found = await samples(create());
    assert.equal(
      found.get(`kube_api_proxy_build_info{version="1.2.3",node_version="${process.versions.node}"}`),
      1,
    );
    for (const [clusterLabel, name] of [
      [withClusterLabel, 'dev'],
      [withoutClusterLabel, undefined],
    ] as const) {
      const { ofCluster } = createIdleMetrics({ clusterLabel });
      assert.equal(ofCluster('dev'), ofCluster('dev'));
      assert.equal(ofCluster('dev') === ofCluster('prod'), name === undefined);
      assert.deepEqual([ofCluster('dev').cluster, ofCluster('').cluster], [name, undefined]);
    }
  });

  it('have the labels of a resource once a request for it has succeeded or opened', async () => {
    for (const shows of ['ended', 'opened'] as const) {
      const metrics = create();
      const info = parse('GET', '/apis/stable.example.com/v1/crontabs');
      const first = end(info, 200, { hasSucceeded: true });
      const series = metrics.requestStarted(info);
      if (shows === 'ended') series.ended(first, 0.01, 0, 0);
      else series.opened(first);
      serve(metrics, info, 200);
      const labels =
        'verb="list",group="stable.example.com",version="v1",resource="crontabs",subresource="",scope="cluster"';
      assert.equal(
        (await samples(metrics)).get(`kube_api_proxy_requests_total{${labels},code="200"}`),
        1,
        shows,
      );
    }
  });

  it('get no more series from 10,000 invented paths and methods than from the first few', async () => {
    const metrics = create();
    const shapes: readonly ((index: number) => RequestInfo)[] = [
      index => parse('GET', `/api/v1/made${index}`),
      index =>
        parse('GET', `/api/v1/namespaces/n${index}/made${index}/name${index}/sub${index}?watch=${index}`),
      index => parse('GET', `/apis/group${index}.io/v${index}/things${index}`),
      index => parse('POST', `/apis/apps/v${index + 2}/deployments`),
      index => parse('PUT', `/api/v1/namespaces/d/pods/p${index}/sub${index}`),
      index => parse(`METHOD${index}`, `/path${index}`),
      index => parse(`METHOD${index}`, '/api/v1/pods'),
      index => parse('GET', `/made/up/${index}`),
      index => parse('GET', `/api/v1/watch/made${index}`),
      index => parse('GET', `/api/v1/proxy/made${index}`),
    ];
    const serveAll = (index: number, code: number) => {
      for (const shape of shapes) serve(metrics, shape(index), code);
    };
    serveAll(0, 404);
    serveAll(0, 1_000);
    const before = await samples(metrics);
    for (let index = 1; index <= 1_000; index++) serveAll(index, index % 2 === 0 ? 404 : 1_000 + index);
    const after = await samples(metrics);
    assert.deepEqual([...after.keys()], [...before.keys()]);
    const text = await render(metrics);
    assert.doesNotMatch(text, /made|path\d|METHOD|method\d|sub\d|things/);
  });
});
