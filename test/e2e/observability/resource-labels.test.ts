import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, connectHttp2 } from '../../support/clients/http2-client.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { readSamples, sumOf } from '../../support/proxy/own-metric.js';
import { startStack } from '../../support/proxy/stack.js';

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [{ name: 'v1' }],
  },
};
const widgets = '/apis/example.com/v1/namespaces/default/widgets';
const requests = 'kube_api_proxy_requests_total';

test('no client can make labels of names that it invents', encrypted, async t => {
  const stack = await startStack(
    { after },
    {
      server: { customResources: [definition] },
      flags: ['--cors-allowed-origins=^https://app\\.example$'],
      tls: true,
    },
  );
  const { port, server, ca } = stack;
  // An API server with CORS answers a preflight for any path.
  server.intercept((request, response) => {
    if (request.method !== 'OPTIONS') return false;
    response.writeHead(204).end();
    return true;
  });
  const session = await connectHttp2(port, ca);
  t.after(() => session.destroy());
  const paths = [
    '/apis/example.com/v1/invented',
    '/apis/example.com/v2/widgets',
    '/apis/invented.example/v1/widgets',
    '/apis/example.com/v1/watch/invented',
    '/apis/example.com/v1/proxy/invented',
    '/api/v1/invented/x/y',
    `${widgets}/w/invented`,
  ];
  const page = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
  // Twice, because a label that was learnt shows with the next request.
  for (const path of [...paths, ...paths]) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'WATCH']) {
      const headers = { ':method': method };
      const { status } = await ask(session, path, { headers });
      if (method !== 'OPTIONS') assert.ok(status >= 400, `${method} ${path}: ${status}`);
      if (method === 'OPTIONS') await ask(session, path, { headers: { ...headers, ...page } });
    }
  }
  const { text } = await ask(session, '/-/metrics');
  const samples = readSamples(text).filter(({ name }) => name === requests);
  assert.ok(sumOf(samples, requests, { resource: 'other', code: '204' }) > 0, 'preflights were answered');
  for (const { labels } of samples) {
    for (const value of Object.values(labels)) assert.doesNotMatch(value, /invented|example|v2|widgets/);
  }
});
