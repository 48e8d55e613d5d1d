import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { open, send } from '../../support/clients/http-client.js';
import { exchangeRaw } from '../../support/clients/raw-http.js';
import { eventuallyPasses, until } from '../../support/eventually.js';
import { projectFile } from '../../support/project.js';
import { type Sample, scrapeOwn as scrape, sumOf as sum } from '../../support/proxy/own-metric.js';
import { startStack } from '../../support/proxy/stack.js';

/** The samples of a metric that have these labels. */
function matching(samples: readonly Sample[], name: string, labels: Sample['labels'] = {}): Sample[] {
  const wanted = Object.entries(labels);
  return samples.filter(
    sample => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value),
  );
}

/** Scrapes until the check passes: an answer is counted a moment after its last byte. */
function eventually(port: number, check: (samples: Sample[]) => void): Promise<void> {
  return eventuallyPasses(async () => check(await scrape(port)));
}

/** The samples once all requests so far have been counted. */
function allCounted(port: number): Promise<Sample[]> {
  return eventuallyPasses(async () => {
    const samples = await scrape(port);
    assert.equal(sum(samples, 'kube_api_proxy_inflight_requests') + sum(samples, longRunning), 0);
    return samples;
  });
}

const requestsTotal = 'kube_api_proxy_requests_total';
const durationCount = 'kube_api_proxy_request_duration_seconds_count';
const longRunning = 'kube_api_proxy_longrunning_requests';

const secret = 'very-secret-configured';
const [proxied, forgiving, byToken] = await Promise.all([
  startStack({ after }),
  // Its API server stops and starts again.
  startStack({ after }, { flags: ['--reject-methods=DELETE'] }),
  // It has no client certificate.
  startStack(
    { after },
    {
      server: {
        clientCertificates: 'none',
        tokens: { [secret]: { username: 'robot', groups: ['system:masters'] } },
      },
      user: { token: secret },
      flags: ['--log-level=trace'],
    },
  ),
]);

test('promtool accepts the metrics', {
  skip: findPromtool(),
}, async () => {
  await send(proxied.port, '/api/v1/pods');
  await send(proxied.port, '/no/such/path');
  const { text, headers } = await send(proxied.port, '/-/metrics');
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4; charset=utf-8/);
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  assert.equal(`${stdout}${stderr}`, '');
  assert.equal(status, 0);
});

/** Why promtool is not available, or false. With REQUIRE_PROMTOOL=1 it is required. */
function findPromtool(): string | false {
  if (spawnSync('promtool', ['--version']).status === 0) return false;
  return process.env['REQUIRE_PROMTOOL'] === '1' ? false : 'promtool is not installed';
}

describe('the metrics count a request', () => {
  const core = { group: '', version: 'v1', subresource: '' };
  const cases: readonly (readonly [
    method: string,
    path: string,
    labels: Readonly<Record<string, string>>,
  ])[] = [
    [
      'GET',
      '/api/v1/namespaces/default/pods/web-0',
      { ...core, verb: 'get', resource: 'pods', scope: 'resource', code: '200' },
    ],
    [
      'GET',
      '/api/v1/namespaces/default/pods/no-such-pod',
      { ...core, verb: 'get', resource: 'pods', scope: 'resource', code: '404' },
    ],
    [
      'POST',
      '/api/v1/namespaces/default/services/web/proxy/any/path',
      { ...core, verb: 'connect', resource: 'services', subresource: 'proxy', code: '200' },
    ],
    ['GET', '/version', { verb: 'get', group: '', version: '', resource: '', scope: '', code: '200' }],
    ['POST', '/version', { verb: 'post', group: '', resource: '', code: '405' }],
  ];
  for (const [method, path, labels] of cases) {
    test(`as ${JSON.stringify(labels)} for ${method} ${path}`, async () => {
      const { port } = proxied;
      const before = sum(await scrape(port), requestsTotal, labels);
      const answer = await send(port, path, { method });
      assert.equal(String(answer.status), labels['code'], answer.text);
      await eventually(port, samples =>
        assert.equal(sum(samples, requestsTotal, labels) - before, 1, 'it is counted once'),
      );
    });
  }

  test('with its duration, unless it is long-running', async () => {
    const { port } = proxied;
    const pods = { resource: 'pods', verb: 'list', scope: 'namespace' };
    const before = await scrape(port);
    await send(port, '/api/v1/namespaces/default/pods');
    await send(port, '/api/v1/namespaces/default/pods/web-0/log');
    await send(port, '/api/v1/namespaces/default/services/web/proxy/');
    await eventually(port, samples =>
      assert.equal(sum(samples, durationCount, pods) - sum(before, durationCount, pods), 1),
    );
    const now = await scrape(port);
    assert.equal(sum(now, durationCount, { subresource: 'log' }), 0);
    assert.equal(sum(now, durationCount, { verb: 'connect' }), 0);
  });

  test('except those for the metrics and health of the proxy itself', async () => {
    const { port } = proxied;
    const before = sum(await allCounted(port), requestsTotal);
    for (const path of ['/-/metrics', '/-/livez', '/-/readyz', '/-/readyz?verbose']) await send(port, path);
    // A later request to another path is the first one that is counted.
    await send(port, '/-/missing');
    await eventually(port, samples => assert.equal(sum(samples, requestsTotal) - before, 1));
  });
});

test('an open watch is in the long-running gauge while it lasts, and never in the durations', async () => {
  const { port } = proxied;
  const labels = { verb: 'watch', group: '', version: 'v1', resource: 'secrets', scope: 'namespace' };
  const path = '/api/v1/namespaces/team-0/secrets?watch=true';
  const responses = await Promise.all([open(port, path), open(port, path)]);
  await eventually(port, samples => assert.equal(sum(samples, longRunning, labels), 2));
  assert.equal(sum(await scrape(port), 'kube_api_proxy_inflight_requests'), 0);
  for (const response of responses) response.on('error', () => {}).destroy();
  await eventually(port, samples => {
    assert.equal(sum(samples, longRunning, labels), 0);
    assert.equal(sum(samples, requestsTotal, { ...labels, code: '200' }), 2);
  });
  assert.equal(sum(await scrape(port), durationCount, { verb: 'watch' }), 0);
});

test('a plain request is in flight while it lasts', async () => {
  const { port } = proxied;
  let answer = () => {};
  const stop = proxied.server.intercept((request, response) => {
    if (request.url !== '/in-flight') return false;
    answer = () => response.end();
    return true;
  });
  const answered = send(port, '/in-flight');
  await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/in-flight');
  assert.equal(sum(await scrape(port), 'kube_api_proxy_inflight_requests'), 1);
  answer();
  await answered;
  await eventually(port, samples => assert.equal(sum(samples, 'kube_api_proxy_inflight_requests'), 0));
  stop();
});

test('paths, methods, codes and names that a client invents create no series', async () => {
  const { port } = proxied;
  const askFor = async (turn: number) => {
    const id = `made-up-${turn}`;
    const paths = [
      `/${id}`,
      `/${id}/${id}?${id}`,
      `/api/${id}`,
      `/api/${id}/pods`,
      `/api/v1/${id}`,
      `/api/v1/${id}/${id}/${id}`,
      `/api/v1/namespaces/${id}/pods/${id}`,
      `/api/v1/namespaces/${id}/pods/${id}/${id}`,
      `/api/v1/namespaces/${id}/${id}/${id}/${id}?watch=true`,
      `/api/v1/watch/${id}/${id}`,
      `/api/v1/proxy/${id}/${id}`,
      `/apis/${id}`,
      `/apis/${id}/v1/${id}`,
      `/apis/apps/${id}/deployments`,
      `/apis/apps/v1/${id}`,
      `/apis/apps/v1/namespaces/${id}/deployments/${id}/${id}`,
      `/-/${id}`,
    ];
    for (const path of paths) {
      await send(port, path);
      await send(port, path, { method: 'DELETE' });
    }
    for (const method of ['PROPFIND', 'REPORT', 'TRACE', 'LINK', 'MKCOL'])
      await send(port, '/api/v1/pods', { method });
    await exchangeRaw(port, `${id.replaceAll('-', '').toUpperCase()} / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  };
  await askFor(0);
  const before = await allCounted(port);
  await askFor(1);
  await askFor(2);
  const now = await allCounted(port);
  const ours = (samples: Sample[]) => samples.filter(({ name }) => name.startsWith('kube_api_proxy_')).length;
  assert.equal(ours(now), ours(before));
  assert.doesNotMatch(JSON.stringify(now), /made-?up/i);
  assert.ok(sum(now, requestsTotal, { resource: 'other' }) > 0);
});

describe('the metrics count a rejection', () => {
  const cases: readonly (readonly [reason: string, what: string, request: string, code: number])[] = [
    ['host', 'a foreign Host', 'GET /api HTTP/1.1\r\nHost: evil.example\r\n', 403],
    [
      'path',
      'an exec',
      'POST /api/v1/namespaces/default/pods/web-0/exec HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n',
      403,
    ],
    ['bad_request', 'an ambiguous target', 'GET /api/../exec HTTP/1.1\r\nHost: localhost\r\n', 400],
    ['bad_request', 'a head that is no HTTP', 'GET /api\r\nnonsense\r\n', 400],
  ];
  for (const [reason, what, request, code] of cases) {
    test(`of ${what} as ${reason}`, async () => {
      const { port } = proxied;
      const rejected = 'kube_api_proxy_rejected_requests_total';
      const before = sum(await scrape(port), rejected, { reason });
      const marked = `${request}X-Rejected: yes\r\nConnection: close\r\n\r\n`;
      assert.match(await exchangeRaw(port, marked), new RegExp(`^HTTP/1\\.1 ${code} `));
      await eventually(port, samples => assert.equal(sum(samples, rejected, { reason }) - before, 1));
      // A scrape lets the proxy send requests of its own.
      const heard = proxied.server.requests.filter(({ rawHeaders }) => rawHeaders.includes('X-Rejected'));
      assert.equal(heard.length, 0, 'the API server did not hear of it');
    });
  }

  test('of a method as method', async () => {
    const { port } = forgiving;
    const answer = await send(port, '/api/v1/pods', { method: 'DELETE' });
    assert.equal(answer.status, 403);
    await eventually(port, samples =>
      assert.equal(sum(samples, 'kube_api_proxy_rejected_requests_total', { reason: 'method' }), 1),
    );
  });
});

test('errors of the upstream are counted by their reason, once per request', async () => {
  const { server, port } = forgiving;
  const errors = 'kube_api_proxy_upstream_errors_total';
  assert.equal(sum(await scrape(port), errors), 0);
  assert.ok(matching(await scrape(port), errors, { reason: 'refused' }).length === 1);
  await server.kill();
  await send(port, '/version');
  await send(port, '/version');
  await eventually(port, samples => {
    assert.equal(sum(samples, errors, { reason: 'refused' }), 2);
    assert.equal(sum(samples, requestsTotal, { code: '503' }), 2);
  });
  await server.restart();
});

test('a client that leaves is not an upstream error', async () => {
  const { server, port } = proxied;
  const path = '/api/v1/pods?watch=true&leaves';
  const response = await open(port, path);
  response.on('error', () => {}).destroy();
  const record = await server.waitForRequest(({ rawUrl }) => rawUrl === path);
  await record.closed;
  assert.equal(sum(await allCounted(port), 'kube_api_proxy_upstream_errors_total'), 0);
});

test('the metric of the client certificate has its expiry', async () => {
  const { validTo } = new X509Certificate(proxied.server.clientCertificate.certificate);
  const name = 'kube_api_proxy_client_certificate_expiration_timestamp_seconds';
  assert.deepEqual(matching(await scrape(proxied.port), name), [
    { name, labels: {}, value: Date.parse(validTo) / 1000 },
  ]);
});

test('build_info has the version of the program and of Node', async () => {
  const { version } = JSON.parse(readFileSync(projectFile('package.json'), 'utf8'));
  const [info] = matching(await scrape(proxied.port), 'kube_api_proxy_build_info');
  assert.equal(info?.value, 1);
  assert.equal(info?.labels['version'], version);
  assert.ok(JSON.stringify(info?.labels).includes(process.versions.node));
});

test("Node's own metrics exist", async () => {
  const samples = await scrape(proxied.port);
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'nodejs_eventloop_lag_seconds',
  ])
    assert.equal(matching(samples, name).length, 1, name);
});

test("the API server's own metrics and health are not replaced", async () => {
  const { port } = proxied;
  assert.match((await send(port, '/metrics')).text, /apiserver_/);
  assert.doesNotMatch((await send(port, '/metrics')).text, /kube_api_proxy_/);
  assert.equal((await send(port, '/healthz')).text, 'ok');
});

describe('livez and readyz', () => {
  test('of a proxy whose API server does not answer are 500 with the reason until it answers again', async t => {
    // Probes share a result for some time, so no probe may come before this.
    const { server, proxy } = await startStack(t);
    await server.kill();
    const away = await send(proxy.port, '/-/readyz');
    assert.equal(away.status, 500);
    assert.match(away.text, /^\[\+\]ping ok\n/);
    // The check of the start may still have been running.
    assert.match(away.text, /^\[-\]\S+ failed: .*127\.0\.0\.1:\d+.*(?:refused|closed)/m);
    assert.match(away.text, /^readyz check failed\n$/m);
    assert.equal((await send(proxy.port, '/-/livez')).status, 200, 'a restart would not help');
    await server.restart();
    await eventuallyPasses(async () => {
      const back = await send(proxy.port, '/-/readyz?verbose');
      assert.equal(back.status, 200, back.text);
    });
  });

  test('of a proxy with rejected credentials are 500 with the reason', async t => {
    const { proxy } = await startStack(t, {
      server: { clientCertificates: 'none' },
      user: { token: 'very-secret-token' },
    });
    const answer = await send(proxy.port, '/-/readyz');
    assert.equal(answer.status, 500);
    assert.match(answer.text, /\[-\]\S+ failed: .*(401|credentials)/);
    assert.doesNotMatch(answer.text, /very-secret/);
  });

  test('need no discovery and answer while a watch is open', async () => {
    const { port } = proxied;
    const watch = await open(port, '/api/v1/namespaces/kube-system/pods?watch=true');
    assert.equal((await send(port, '/-/readyz')).status, 200);
    watch.on('error', () => {}).destroy();
  });
});

describe('the log', () => {
  test('has one line per request with its code, duration and bytes', async () => {
    const { proxy } = proxied;
    const begun = performance.now();
    const size = (await send(proxy.port, '/apis/apps/v1/namespaces/default/deployments/web')).body.length;
    await send(proxy.port, '/behind-it');
    await until(() => proxy.log().some(({ path }) => path === '/behind-it'));
    const lines = proxy.log().filter(({ path }) => String(path).endsWith('/deployments/web'));
    // The duration ends a moment after the last byte.
    const took = Math.ceil(performance.now() - begun);
    assert.equal(lines.length, 1);
    const [line = {}] = lines;
    assert.equal(line['level'], 30);
    assert.equal(line['method'], 'GET');
    assert.equal(line['verb'], 'get');
    assert.equal(line['apiGroup'], 'apps');
    assert.equal(line['version'], 'v1');
    assert.equal(line['resource'], 'deployments');
    assert.equal(line['namespace'], 'default');
    assert.equal(line['resourceName'], 'web');
    assert.equal(line['code'], 200);
    assert.ok(Number(line['durationMs']) > 0 && Number(line['durationMs']) <= took, `it took ${took} ms`);
    assert.ok(Number(line['bytes']) >= size && Number(line['bytes']) < size + 2000, String(line['bytes']));
  });

  test('has lines for the start and the end of a watch, and for a rejection', async () => {
    const { proxy, port } = proxied;
    const first = proxy.log().length;
    const lines = (holds: (line: Record<string, unknown>) => boolean) =>
      proxy.log().slice(first).filter(holds);
    const watch = await open(port, '/api/v1/pods?watch=true');
    const begun = performance.now();
    const opened = () => lines(({ verb }) => verb === 'watch');
    await until(() => opened().length > 0);
    assert.deepEqual(
      opened().map(({ msg, code }) => [msg, code]),
      [['request open', 200]],
    );
    const requestId = opened()[0]?.['requestId'];
    const lasted = performance.now() - begun;
    watch.on('error', () => {}).destroy();
    await send(port, '/api', { headers: { host: 'evil.example' } });
    const over = () => lines(({ verb, msg }) => verb === 'watch' && msg === 'request');
    const refusals = () => lines(({ code }) => code === 403);
    await until(() => over().length > 0 && refusals().length > 0);
    const [line = {}] = over();
    assert.equal(line['code'], 200);
    assert.equal(line['endedBy'], 'client');
    assert.equal(line['requestId'], requestId);
    assert.ok(Number(line['durationMs']) >= Math.floor(lasted));
    assert.equal(refusals().length, 1);
    assert.match(JSON.stringify(refusals()[0]), /evil\.example/);
  });

  test('contains no secret at any level', async () => {
    const { server, proxy } = byToken;
    const headers = {
      authorization: 'Bearer very-secret-header',
      cookie: 'session=very-secret-cookie',
      'proxy-authorization': 'Basic very-secret-proxy',
      'x-api-key': 'very-secret-key',
    };
    await send(proxy.port, '/api/v1/pods?token=very-secret-query&access_token=very-secret-access', {
      headers,
    });
    await send(proxy.port, '/api/v1/namespaces/default/secrets', {
      method: 'POST',
      body: '{"stringData":{"p":"very-secret-body"}}',
    });
    await send(proxy.port, '/api/v1/namespaces/default/secrets/credentials');
    await send(proxy.port, '/a/../b?token=very-secret-refused', { headers });
    await send(proxy.port, '/api?token=very-secret-host', {
      headers: { ...headers, host: 'evil.example' },
    });
    await exchangeRaw(proxy.port, 'GET /x?token=very-secret-broken HTTP/9.9\r\nBad\r\n\r\n');
    await server.kill();
    await send(proxy.port, '/api/v1/pods?token=very-secret-away', { headers });
    await send(proxy.port, '/-/readyz?verbose&token=very-secret-own', { headers });
    // The line of this request comes after all of theirs.
    await send(proxy.port, '/the-last');
    await until(() => proxy.log().some(({ path }) => path === '/the-last'));
    assert.ok(proxy.log().length >= 6);
    assert.doesNotMatch(proxy.stdout() + proxy.stderr(), /very-secret/);
  });

  test('has lines of text with --log-format=pretty, and nothing with --log-level=silent', async t => {
    const [pretty, silent] = await Promise.all([
      startStack(t, { server: proxied.server, flags: ['--log-format=pretty'] }),
      startStack(t, { server: proxied.server, flags: ['--log-level=silent'] }),
    ]);
    await send(pretty.port, '/version');
    await send(silent.port, '/version');
    await until(() => /INFO.*GET \/version/.test(pretty.proxy.stderr()));
    await silent.proxy.stop();
    assert.equal(pretty.proxy.log().length, 0);
    assert.equal(silent.proxy.stderr(), '');
  });
});
