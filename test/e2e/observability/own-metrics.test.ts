import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { send } from '../../support/clients/http-client.js';
import { exchangeRaw } from '../../support/clients/raw-http.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { isInstalled } from '../../support/installed.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { type Sample, scrapeOwn as scrape, sumOf as sum } from '../../support/proxy/own-metric.js';
import { startStack } from '../../support/proxy/stack.js';

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
const longRunning = 'kube_api_proxy_longrunning_requests';

const proxied = await startStack({ after }, { run: startInProcess });

test('promtool accepts the metrics', { skip: findPromtool() }, async () => {
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
  if (isInstalled('promtool')) return false;
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
  test('by what it asks for and how it is answered', async () => {
    const { port } = proxied;
    for (const [method, path, labels] of cases) {
      const before = sum(await scrape(port), requestsTotal, labels);
      const answer = await send(port, path, { method });
      assert.equal(String(answer.status), labels['code'], answer.text);
      await eventually(port, samples =>
        assert.equal(sum(samples, requestsTotal, labels) - before, 1, `${path} is counted once`),
      );
    }
  });
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
  test('by its reason', async () => {
    const { port } = proxied;
    const rejected = 'kube_api_proxy_rejected_requests_total';
    for (const [reason, what, request, code] of cases) {
      const before = sum(await scrape(port), rejected, { reason });
      const marked = `${request}X-Rejected: yes\r\nConnection: close\r\n\r\n`;
      assert.match(await exchangeRaw(port, marked), new RegExp(`^HTTP/1\\.1 ${code} `));
      await eventually(port, samples => assert.equal(sum(samples, rejected, { reason }) - before, 1, what));
      // A scrape lets the proxy send requests of its own.
      const heard = proxied.server.requests.filter(({ rawHeaders }) => rawHeaders.includes('X-Rejected'));
      assert.equal(heard.length, 0, 'the API server did not hear of it');
    }
  });
});
