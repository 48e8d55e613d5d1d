import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';
import { clientValue } from '../../src/proxy/answer-fields.js';
import { RequestPath } from '../../src/request/request-path.js';
import { assertLinear } from '../support/growth.js';

const page = '/api/v1/namespaces/x/pods/y/proxy/';

interface Case {
  readonly path?: string;
  readonly rawHeaders?: readonly string[];
  readonly sandboxesProxiedPages?: boolean;
}

/** The value of a field for its client, who is a browser unless the case says otherwise. */
function passed(
  name: string,
  value: string,
  {
    path = '/apis/evil.example/v1/page',
    rawHeaders = ['Origin', 'x'],
    sandboxesProxiedPages = true,
  }: Case = {},
) {
  const parts = { method: 'GET', received: path, target: path, prefix: '', serverPath: '' };
  const head = new RequestHead({ method: 'GET', rawHeaders: [...rawHeaders] });
  const request = { path: new RequestPath(parts), head };
  return clientValue(name.toLowerCase(), value, request as never, { sandboxesProxiedPages });
}

const program: Case = { rawHeaders: ['Accept', 'application/json'] };
const forOrigin = [
  ...['NEL', 'Report-To', 'Reporting-Endpoints', 'Strict-Transport-Security', 'Clear-Site-Data', 'Alt-Svc'],
  ...['Service-Worker-Allowed', 'Accept-CH', 'Critical-CH', 'Use-As-Dictionary'],
  ...['Cross-Origin-Resource-Policy'],
  ...['Access-Control-Allow-Origin', 'Access-Control-X'],
];
const loading = ['Refresh', 'Link', 'Speculation-Rules'];
/** What browsers act on, or may act on some day, and what nobody knows. */
const others = [
  ...['Set-Cookie', 'Origin-Trial', 'SourceMap', 'X-SourceMap', 'Server-Timing', 'Set-Login'],
  ...['Origin-Agent-Cluster'],
  ...['Attribution-Reporting-Register-Source', 'Observe-Browsing-Topics', 'Activate-Storage-Access'],
  ...['Document-Policy'],
  ...['Cross-Origin-Opener-Policy-Report-Only', 'Permissions-Policy-Report-Only', 'No-Vary-Search'],
  ...['Trailer'],
  ...['Content-Security-Policy-Report-Only', 'X-Content-Type-Options', 'X-Xss-Protection', 'X-Custom'],
  ...['Content'],
  ...['Contents-Type', 'X-Kubernetes', 'Kubernetes-X', 'Locations', 'X-Location', '', '__proto__'],
  ...['constructor'],
];
const listed = [
  ...['Content-Type', 'Content-Length', 'Content-Range', 'Content-Location', 'Content-Disposition'],
  ...['Content-Encoding'],
  ...['Cache-Control', 'ETag', 'Last-Modified', 'Expires', 'Age', 'Vary', 'Date', 'Pragma', 'Accept-Ranges'],
  ...['Location', 'WWW-Authenticate', 'Warning', 'Audit-Id', 'Retry-After', 'X-Kubernetes-Pf-Flowschema-Uid'],
  ...['Connection', 'Upgrade', 'Sec-WebSocket-Accept', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions'],
  ...['X-Stream-Protocol-Version', 'Content-Security-Policy', 'X-Frame-Options', 'Referrer-Policy'],
  ...['Permissions-Policy', 'Cross-Origin-Opener-Policy', 'Cross-Origin-Embedder-Policy'],
];

describe('a field of an answer', () => {
  it('never speaks for the whole origin, to whomever, and lets nobody load another path, unless the page is left to the guards', () => {
    for (const name of forOrigin) {
      for (const one of [program, {}, { path: page }, { path: page, sandboxesProxiedPages: false }])
        assert.equal(passed(name, 'x', one), undefined, name);
    }
    for (const name of loading) {
      for (const one of [program, {}, { path: page }, { ...program, path: page }])
        assert.equal(passed(name, 'x', one), undefined, name);
    }
  });

  it('reaches a browser only if the list has it, and a program, or anybody from a page that is left to the guards', () => {
    for (const name of others) {
      for (const one of [{}, { path: page }, { rawHeaders: ['Accept', 'text/html'] }])
        assert.equal(passed(name, 'x', one), undefined, name);
    }
    for (const name of listed) assert.equal(passed(name, 'x'), 'x', name);
    for (const name of [...others, ...listed]) {
      if (name === 'Set-Cookie') continue;
      assert.equal(passed(name, 'x', program), 'x', name);
    }
    for (const name of [...others, ...listed, ...loading]) {
      const value = passed(name, 'x', { path: page, sandboxesProxiedPages: false });
      assert.equal(value, name === 'Set-Cookie' ? `x; Path=${page}` : 'x', name);
    }
  });
});

describe('a policy of a page', () => {
  const name = 'Content-Security-Policy';

  it('reaches a browser without what it would report', () => {
    for (const [value, expected] of [
      ["default-src 'self'; script-src 'report-sample'", "default-src 'self'; script-src 'report-sample'"],
      [`default-src 'self'; report-uri ${page}`, "default-src 'self'"],
      [`REPORT-URI ${page};default-src 'self';Report-To x`, "default-src 'self'"],
      [`\t report-uri\t${page}`, undefined],
      ['report-to', undefined],
      [`img-src *, report-uri\f${page}; sandbox , ;report-to x`, 'img-src *, sandbox , '],
      ['report-urix x; x-report-uri y', 'report-urix x; x-report-uri y'],
    ] as const) {
      assert.equal(passed(name, value), expected, value);
      assert.equal(passed(name, value, program), value);
    }
  });

  it('is read in linear time', () => {
    for (const piece of ['report-uri x;', ';', ',', ' ', 'report-', 'report-to,\t']) {
      const prepare = (length: number) => {
        const value = piece.repeat(length / piece.length);
        return () => passed(name, value);
      };
      assertLinear(100_000, prepare, piece);
    }
  });
});
