import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';
import { relocate, responseHeaders } from '../../src/proxy/headers.js';
import type { OpenRequest } from '../../src/request/context.js';

/** What the server's URL has other than https://api.example:6443, and the field. */
interface Address {
  readonly protocol?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly path?: string;
  readonly name?: string;
}

function relocated(location: string, { name = 'Location', ...address } = {} as Address): string {
  const server = { protocol: 'https:', hostname: 'api.example', port: 6443, path: '', ...address };
  const request = {
    mount: { appendsServerPath: true },
    path: { prefix: '/clusters/dev' },
    cluster: { host: 'api.example:6443' },
    endpoint: { config: { server } },
  } as unknown as OpenRequest;
  const headers = ['Content-Type', 'text/plain', name, location];
  relocate(headers, request);
  assert.deepEqual(headers.slice(0, 3), ['Content-Type', 'text/plain', name]);
  return headers[3] as string;
}

describe('a redirect of an API server below /clusters/', () => {
  it('stays below the prefix, which stands for the path of the server’s URL', () => {
    for (const [location, expected] of [
      ['/api/v1/', '/clusters/dev/api/v1/'],
      ['/', '/clusters/dev/'],
      ['/a//b', '/clusters/dev/a//b'],
      ['/a?b=/c#d', '/clusters/dev/a?b=/c#d'],
      ['https://api.example:6443/api?x', '/clusters/dev/api?x'],
      ['HTTPS://API.example:6443', '/clusters/dev/'],
      ['//api.example:6443/api', '/clusters/dev/api'],
    ] as const) {
      assert.equal(relocated(location), expected, location);
      assert.equal(relocated(location, { name: 'content-location' }), expected, location);
    }
    const path = '/k8s/clusters/c-1';
    assert.equal(relocated('/k8s/clusters/c-1/api/', { path }), '/clusters/dev/api/');
    assert.equal(relocated('/k8s/clusters/c-1', { path }), '/clusters/dev/');
    assert.equal(relocated('/k8s/clusters/c-1?x', { path }), '/clusters/dev/?x');
    assert.equal(relocated('https://api.example:6443/k8s/clusters/c-1/api', { path }), '/clusters/dev/api');
  });

  it('becomes a whole URL if it leaves the path of the server’s URL, so that it does not lead to the current cluster', () => {
    const path = '/k8s/clusters/c-1';
    for (const beside of ['/k8s/clusters/c-11/api', '/k8s/clusters/c-11?x', '/login', '/']) {
      const whole = `https://api.example:6443${beside}`;
      assert.equal(relocated(beside, { path }), whole);
      assert.equal(relocated(whole, { path }), whole);
      assert.equal(relocated(`HTTPS${whole.slice(5)}`, { path }), `HTTPS${whole.slice(5)}`);
    }
  });

  it('is unchanged if it leads elsewhere or is relative to the request', () => {
    for (const location of [
      ...['https://api.example/api', 'http://api.example:6443/api'],
      ...['https://api.example:6443@evil.example/api', 'https://evil.example:6443/api'],
      ...['//evil.example/api', '/\\evil.example/api', 'pods/', 'pods//api.example:6443/x'],
      ...['pods/of/a/namespac//api.example:6443/x', './x', '?page=2', '#x', ''],
      ...['https://', 'mailto:x@api.example:6443'],
    ]) {
      assert.equal(relocated(location), location);
    }
  });

  it('has the default port of its scheme, and may have the brackets of an IPv6 address', () => {
    for (const [location, address] of [
      ['https://api.example/api', { port: 443 }],
      ['http://api.example/api', { protocol: 'http:', port: 80 }],
      ['https://[::1]:6443/api', { hostname: '::1' }],
    ] as const)
      assert.equal(relocated(location, address), '/clusters/dev/api', location);
    assert.equal(relocated('http://api.example/', { protocol: 'http:', port: 443 }), 'http://api.example/');
  });

  it('is one of two fields, and is changed in the head of an answer', () => {
    for (const name of ['X-Location', 'Locations', 'Link']) assert.equal(relocated('/api', { name }), '/api');
    const head = new RequestHead({ method: 'GET', rawHeaders: [] });
    const server = { protocol: 'https:', hostname: 'api.example', port: 6443, path: '' };
    const request = {
      ...{
        mount: { namesContext: true, relocates: true, appendsServerPath: true },
        path: { prefix: '/clusters/dev', api: '/' },
        ...{ head, answerHeaders: [] },
      },
      ...{ cluster: { host: 'api.example:6443' }, endpoint: { config: { server } } },
    } as unknown as OpenRequest;
    const answer = { statusCode: 301, rawHeaders: ['Location', '/api/'] };
    const { headers } = responseHeaders(answer, request, { sandboxesProxiedPages: false });
    assert.deepEqual(headers.slice(0, 2), ['Location', '/clusters/dev/api/']);
  });
});
