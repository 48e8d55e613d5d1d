import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';
import { responseHeaders } from '../../src/proxy/headers.js';
import type { OpenRequest } from '../../src/request/context.js';
import { RequestPath } from '../../src/request/request-path.js';
import { assertLinear } from '../support/growth.js';

const policy = ['Content-Security-Policy', "sandbox allow-downloads; frame-ancestors 'self'"];
const noSniff = ['X-Content-Type-Options', 'nosniff'];

interface Case {
  readonly path?: string;
  /** The path of the server's URL, if clients send it. */
  readonly serverPath?: string;
  readonly statusCode?: number;
  readonly sandboxesProxiedPages?: boolean;
}

/** The fields of an answer for its client. */
function restricted(
  headers: readonly string[],
  {
    path = '/apis/evil.example/v1/page',
    serverPath = '',
    statusCode = 200,
    sandboxesProxiedPages = false,
  }: Case = {},
): string[] {
  const parts = { method: 'GET', received: path, target: path, prefix: '', serverPath };
  const head = new RequestHead({ method: 'GET', rawHeaders: [] });
  const mount = { namesContext: false };
  const request = { mount, path: new RequestPath(parts), head, answerHeaders: [] } as unknown as OpenRequest;
  return responseHeaders({ statusCode, rawHeaders: headers }, request, { sandboxesProxiedPages }).headers;
}

const isSandboxed = (headers: readonly string[], options?: Case) =>
  restricted(headers, options).includes(policy[1] as string);

/** What API servers send, and no browser renders as a document. */
const plainTypes = [
  ...['application/json', 'application/json;stream=watch'],
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  ...['application/json; charset=utf-8', 'Application/JSON', 'application/json ;charset=utf-8'],
  ...['\t application/json \t', 'application/problem+json', 'application/vnd.example.v1+JSON; x=y'],
  ...['application/vnd.kubernetes.protobuf', 'application/vnd.kubernetes.protobuf;stream=watch'],
  ...['application/cbor', 'application/cbor-seq', 'application/yaml', 'text/plain'],
  ...['text/plain; charset=utf-8', 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'],
  'application/openmetrics-text; version=1.0.0; charset=utf-8',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v3@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v3.v1.0+protobuf',
];

/** What a browser may render as a document, and what it may read in more than one way. */
const documentTypes = [
  ...['', ' ', 'text/html', 'text/html;', 'TEXT/HTML; charset=utf-8', ' text/html'],
  ...['application/xhtml+xml', 'application/xml', 'text/xml', 'application/atom+xml', 'image/svg+xml'],
  ...['image/png', 'application/pdf', 'multipart/x-mixed-replace; boundary=x', 'multipart/related'],
  ...['message/rfc822', 'text/javascript', 'application/octet-stream', 'application/vnd.google.protobuf'],
  ...['json', 'application', 'application/', 'application/+json', '/json', ';application/json'],
  ...['application/json text/html', 'application/json(text/html)', 'application/json\u00a0'],
  ...['\u00a0application/json', 'application/jsonx', 'xapplication/json', 'xapplication/a+json'],
  ...['application/a+jsonx', 'application/com.github.proto-openapi.spec.v2@v1.0+protobufx'],
  ...['text/html+json', 'application/html/x+json', 'application/json,text/html'],
  ...['application/json, text/html', 'text/html, application/json', 'application/json,'],
  ...['application/json;a=b, text/html', 'application/json; a="b, text/html"'],
  ...['application/json;\u00e9,text/html', 'text/plain;charset=utf-8,text/html', 'applıcation/json'],
  'application/J\u017fON',
];

describe('an answer of an API server', () => {
  it('is no document of this origin if a browser could render its type, or read it in two ways, whatever its own policy is, and gets no policy otherwise', () => {
    const own = ['Content-Security-Policy', 'sandbox allow-scripts allow-same-origin'];
    for (const type of documentTypes) {
      const headers = ['Date', 'x', 'content-TYPE', type, ...own];
      assert.deepEqual(restricted(headers), [...headers, ...noSniff, ...policy], JSON.stringify(type));
    }
    assert.deepEqual(restricted([]), [...noSniff, ...policy]);
    for (const type of plainTypes) {
      const headers = ['Date', 'x', 'Content-Type', type];
      assert.deepEqual(restricted(headers), [...headers, ...noSniff], JSON.stringify(type));
    }
  });

  it('is no document if it has several types, in any order', () => {
    for (const types of [
      ['application/json', 'text/html'],
      ['text/html', 'application/json'],
      ['application/json', 'application/json'],
      ['application/json', ''],
      ['', 'application/json'],
    ]) {
      const headers = types.flatMap((type, index) => [index === 0 ? 'Content-Type' : 'CONTENT-TYPE', type]);
      assert.ok(isSandboxed([...headers, 'X-A', '1']), String(types));
    }
  });

  it('gets the policy with its fields alone, which a browser adds to those of a stored page', () => {
    const headers = ['Content-Type', 'application/json', 'Content-Security-Policy', 'default-src *'];
    for (const statusCode of [304, 206]) assert.ok(isSandboxed(headers, { statusCode }), String(statusCode));
    for (const statusCode of [200, 201, 302, 401, 404, 500]) {
      assert.ok(!isSandboxed(headers, { statusCode }), String(statusCode));
      assert.ok(isSandboxed(['Content-Type', 'text/html'], { statusCode }), String(statusCode));
    }
  });

  it('is never guessed from its content, whatever it says of that', () => {
    for (const own of [['none'], ['nosniff'], ['none', 'nosniff', '']]) {
      const sent = own.flatMap((value, index) => [
        index === 1 ? 'x-content-type-options' : 'X-Content-Type-Options',
        value,
      ]);
      const answer = restricted([...sent, 'Content-Type', 'application/json', ...sent]);
      assert.deepEqual(answer, ['Content-Type', 'application/json', ...noSniff]);
    }
  });

  it('is judged in linear time', () => {
    for (const [start, piece, end] of [
      ['a', ' ', 'b'],
      ['', ' ', 'b'],
      ['application/', '+', ''],
      ['application/', '+json', 'x'],
      ['a', ';', ','],
    ] as const) {
      const prepare = (length: number) => {
        const type = start + piece.repeat(length / piece.length) + end;
        return () => assert.ok(isSandboxed(['Content-Type', type]));
      };
      assertLinear(200_000, prepare, `${start} and ${piece}`);
    }
  });
});

describe('an answer behind the proxy subresource', () => {
  const path = '/api/v1/namespaces/x/pods/y/proxy/';
  const html = ['Content-Type', 'text/html', 'X-Content-Type-Options', 'own'];

  it('is as the program sent it if the guards trust it, and only not guessed from its content if they sandbox it', () => {
    assert.deepEqual(restricted(html, { path }), html);
    assert.deepEqual(restricted([], { path, statusCode: 304 }), []);
    const expected = ['Content-Type', 'text/html', ...noSniff];
    assert.deepEqual(restricted(html, { path, sandboxesProxiedPages: true }), expected);
  });

  it('counts as any other answer in another spelling, and beside the path of the server’s URL', () => {
    for (const path of [
      '/api/v1/namespaces/x/pods/y/%70roxy/',
      '//api/v1/namespaces/x/pods/y/proxy/',
      '/api/v1/proxy/namespaces/x/pods/y/',
      '/apis/evil.example/v1/pods/y/proxy/',
    ]) {
      for (const sandboxesProxiedPages of [true, false])
        assert.ok(isSandboxed(html, { path, sandboxesProxiedPages }), path);
    }
    const sent = ['Content-Type', 'text/html'];
    const beside = restricted(sent, { path, serverPath: '/k8s' });
    assert.deepEqual(beside, [...sent, ...noSniff, ...policy]);
  });
});
