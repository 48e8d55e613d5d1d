import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCrossSiteCheck } from '../../src/guard/cross-site.js';
import type { Mount } from '../../src/request/mount.js';
import { RequestPath } from '../../src/request/request-path.js';
import { headOf, rejectedPages, rejectionOf } from './judged-request.js';

type Headers = Readonly<Record<string, string>>;

const check = createCrossSiteCheck({ matches: origin => origin === 'https://app.example' }, rejectedPages());
const mounts = {
  api: { isApi: true, namesContext: false } as Mount,
  context: { isApi: true, namesContext: true } as Mount,
  'unknown context': { isApi: false, namesContext: true } as Mount,
  own: { isApi: false, namesContext: false } as Mount,
};

const others = ['cross-site', 'same-site', '', 'None', 'Same-Origin', 'none, none', 'same-origin, none', 'x'];
const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
const link: Headers = { 'sec-fetch-site': 'cross-site', ...navigation };
const pod = '/api/v1/namespaces/n/pods/web';

function judge(line: string, headers: Headers, mount: keyof typeof mounts = 'api') {
  const [, target = ''] = line.split(' ');
  const path = new RequestPath({ method: 'GET', received: target, target, prefix: '', serverPath: '' });
  return rejectionOf(() => check({ head: headOf(line, headers), mount: mounts[mount], path }));
}

function passes(line: string, headers: Headers, mount?: keyof typeof mounts): void {
  assert.equal(judge(line, headers, mount), undefined, `${line} ${JSON.stringify(headers)}`);
}

function rejects(line: string, headers: Headers, mount?: keyof typeof mounts): void {
  const rejection = judge(line, headers, mount);
  assert.equal(rejection?.reason, 'cross_site', `${line} ${JSON.stringify(headers)}`);
  assert.match(rejection.message, /another site.*--cors-allowed-origins/);
}

describe('the guard against pages of other sites', () => {
  it('lets every request without Sec-Fetch-Site pass, whatever else it sends, and own pages and what the user types', () => {
    for (const headers of [
      {},
      { 'sec-fetch-mode': 'cors' },
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-purpose': 'prefetch' },
      { origin: 'https://evil.example', referer: 'https://evil.example/' },
    ] as Headers[]) {
      for (const line of [`GET ${pod}`, `GET ${pod}/proxy/`, `POST ${pod}`, `OPTIONS ${pod}`]) {
        passes(line, headers);
        passes(line, { ...headers, upgrade: 'websocket' });
      }
    }
    for (const site of ['same-origin', 'none']) {
      for (const dest of ['document', 'iframe', 'image', 'empty', 'websocket']) {
        for (const line of [`GET ${pod}`, `GET ${pod}/proxy/`, `POST ${pod}`])
          passes(line, { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': dest });
      }
    }
  });

  it('lets another site link here, and takes no word for a prefetch but same-origin: Chromium says none for those of any page', () => {
    for (const name of ['sec-purpose', 'purpose']) {
      const headers = { ...navigation, [name]: 'prefetch' };
      rejects(`GET ${pod}`, { ...headers, 'sec-fetch-site': 'none' });
      passes(`GET ${pod}`, { ...headers, 'sec-fetch-site': 'none', referer: 'https://app.example/' });
      passes(`GET ${pod}`, { ...headers, 'sec-fetch-site': 'same-origin' });
    }
    for (const site of others) {
      for (const line of [`GET ${pod}`, 'GET /', 'GET /-/ui/', 'GET /static/a.html'])
        passes(line, { ...link, 'sec-fetch-site': site, origin: 'null', 'sec-fetch-user': '?1' });
    }
  });

  it('rejects everything else of another site: what it embeds, loads, sends or prefetches', () => {
    for (const site of others) {
      const headers = { ...link, 'sec-fetch-site': site };
      for (const dest of [
        ...['iframe', 'frame', 'embed', 'object', 'fencedframe', 'image', 'script', 'style'],
        ...['', 'empty', 'Document', 'document, document', 'document, iframe'],
      ])
        rejects(`GET ${pod}`, { ...headers, 'sec-fetch-dest': dest });
      for (const mode of ['cors', 'no-cors', 'same-origin', 'websocket', '', 'Navigate', 'navigate, cors'])
        rejects(`GET ${pod}`, { ...headers, 'sec-fetch-mode': mode });
      for (const name of ['sec-purpose', 'purpose'])
        for (const purpose of ['prefetch', 'prefetch;prerender', ''])
          rejects(`GET ${pod}`, { ...headers, [name]: purpose });
      for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'get'])
        rejects(`${method} ${pod}`, headers);
      rejects(`GET ${pod}`, { ...headers, upgrade: 'websocket' });
      rejects(`GET ${pod}`, { 'sec-fetch-site': site });
      rejects(`GET ${pod}`, { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' });
      rejects(`GET ${pod}`, { 'sec-fetch-site': site, 'sec-fetch-dest': 'document' });
      for (const path of ['/-/ui/', '/-/metrics', '/static/a.png', '/'])
        rejects(`GET ${path}`, { ...headers, 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors' });
    }
  });

  it('rejects a link to whatever may be a proxy subresource, below contexts and unknown names alike', () => {
    for (const below of [
      ...[`${pod}/proxy`, `${pod}/proxy/delete`, '/api/v1/nodes/n/proxy/logs/'],
      ...['/api/v1/proxy/namespaces/n/pods/web/', `${pod}/PROXY/`, `${pod}/%70roxy/`],
      ...[`${pod}/%2570roxy/`, `${pod}%2Fproxy/`],
      ...[`${pod}/proxy;v=1/`, '/apis/example.com/v1/things/x/proxy/'],
    ]) {
      for (const mount of ['api', 'context', 'unknown context'] as const)
        rejects(`GET ${mount === 'api' ? '' : '/clusters/a'}${below}`, link, mount);
    }
    for (const mount of ['context', 'unknown context'] as const) {
      passes(`GET /clusters/a${pod}`, link, mount);
      rejects(`GET /clusters/proxy${pod}`, link, mount);
    }
    passes('GET /static/proxy/index.html', link, 'own');
    passes(`GET ${pod}?labelSelector=a/proxy/`, link);
  });

  it('lets every request of an allowed Origin pass, and a GET that names such a page by its Referer, but never a write or an upgrade', () => {
    const byOrigin = { 'sec-fetch-site': 'cross-site', origin: 'https://app.example' };
    for (const line of [`GET ${pod}/proxy/`, `POST ${pod}`])
      passes(line, { ...byOrigin, upgrade: 'websocket', referer: 'https://evil.example/' });
    const headers = { 'sec-fetch-site': 'cross-site', referer: 'https://app.example/dashboards?x=1' };
    const frame = { ...headers, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
    for (const line of [`GET ${pod}`, `GET ${pod}/proxy/`, 'GET /-/ui/', 'GET /static/a.png'])
      passes(line, frame);
    for (const method of ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      rejects(`${method} ${pod}`, frame);
    rejects(`GET ${pod}/exec`, { ...frame, upgrade: 'websocket' });
    for (const origin of ['null', '', 'https://evil.example', 'https://app.example, https://app.example'])
      rejects(`GET ${pod}`, { ...frame, origin });
    for (const referer of [
      ...['https://evil.example/', 'https://app.example.evil.example/'],
      ...['https://app.example@evil.example/', 'https://app.example:443/', 'https://APP.example/'],
      ...['http://app.example/', 'https://evil.example/https://app.example/'],
      'https://app.example/, https://evil.example/',
    ]) {
      rejects(`GET ${pod}`, { ...frame, referer });
    }
  });
});
