import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestHead } from '../../src/http/request-head.js';
import { upstreamRequest } from '../../src/proxy/client-request.js';
import {
  type Additions,
  clientHeaders,
  inboundFields,
  responseHeaders,
  switchingProtocols,
} from '../../src/proxy/headers.js';
import type { OpenRequest } from '../../src/request/context.js';
import { RequestPath } from '../../src/request/request-path.js';
import { outgoingRequest } from '../../src/transport/upstream-request.js';
import { valuesOf } from '../support/clients/header-lines.js';
import { clientRequest, endpointWith } from '../support/proxy/client-request.js';
import { FakePool } from '../support/transport/fake-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const missingRights = { errorFor: async () => undefined };

/** What the proxy adds to a client's fields, from the client's request and from the access. */
interface AllAdditions extends Additions {
  readonly host: string;
  readonly authorization: string | undefined;
  /** The caller as whom the request acts where callers are authenticated. */
  readonly user: string;
}

const additions: AllAdditions = {
  host: 'api.example:6443',
  authorization: 'Bearer configured',
  dropsCredentials: false,
  user: 'nobody',
  requestId: 'generated',
  auditId: undefined,
  remoteAddress: '192.0.2.1',
};

/** The whole head of the request for the API server, from both layers that make it. */
function outboundHeaders(
  rawHeaders: readonly string[],
  { host, authorization, dropsCredentials, user, ...parts }: AllAdditions,
): readonly string[] {
  const caller = dropsCredentials
    ? { username: user, uid: undefined, groups: [], extra: new Map() }
    : undefined;
  const request = upstreamRequest(
    { authenticates: dropsCredentials, missingRights },
    clientRequest({ rawHeaders, caller, ...parts }),
    { headers: [], connection: 'any', isRepeatable: true },
  );
  const credential = authorization === undefined ? {} : { authorization };
  return outgoingRequest(request, accessTo(new FakePool(), { host, credential })).headers;
}

/** Name and value of every field, names in lower case, sorted so that a comparison ignores the order. */
function fields(headers: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let index = 0; index < headers.length; index += 2) {
    result.push([(headers[index] as string).toLowerCase(), headers[index + 1] as string]);
  }
  return result;
}

/** What the API server gets in the fields of this name if the client sends these. */
function sent(client: readonly string[], name: string, more: Partial<AllAdditions> = {}): string[] {
  return valuesOf(outboundHeaders(client, { ...additions, ...more }), name);
}

const hopByHop = [
  ['Connection', 'close'],
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Authenticate', 'Basic'],
  ['Proxy-Authorization', 'Basic c2VjcmV0'],
  ['Proxy-Connection', 'keep-alive'],
  ['TE', 'trailers'],
  ['Transfer-Encoding', 'chunked'],
  ['Upgrade', 'websocket'],
  ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
] as const;

describe('the headers of an upstream request', () => {
  it('say the place in a trace, in place of what the client says, where requests are traced', () => {
    const client = ['TraceParent', 'a', 'tracestate', 'b', 'baggage', 'c', 'Accept', '*/*'];
    const traced = { traceFields: ['traceparent', 'ours'] };
    const names = /^(?:traceparent|tracestate|baggage)$/i;
    const sent = (more: Partial<AllAdditions>) => {
      const headers = outboundHeaders(client, { ...additions, ...more });
      return headers.filter((_, index) => names.test(headers[index - (index % 2)] as string));
    };
    assert.deepEqual(sent(traced), ['traceparent', 'ours']);
    assert.deepEqual(sent({ traceFields: [] }), []);
    assert.deepEqual(sent({}), client.slice(0, 6));
  });

  it('say nothing of the page, but the origin of the upstream itself to what may compare it: a proxy subresource, a WebSocket', () => {
    const page = [
      'oRIGIN',
      'https://app.example',
      'SEC-Fetch-Site',
      'cross-site',
      'sec-fetch-x',
      '1',
      'Origin',
      'null',
    ];
    const upgrade = (protocol: string) => ['Connection', 'Upgrade', 'Upgrade', protocol];
    for (const [client, subresource, origins] of [
      [page, '', []],
      [page, 'log', []],
      [page, 'proxy', ['https://api.example']],
      [[], 'proxy', []],
      [[...page, ...upgrade('WebSocket')], 'exec', ['https://api.example']],
      [upgrade('websocket'), 'exec', []],
      [[...page, ...upgrade('SPDY/3.1')], 'exec', []],
      [[...page, ...upgrade('SPDY/3.1')], 'proxy', ['https://api.example']],
      [[...page, 'Connection', 'Origin'], 'proxy', ['https://api.example']],
    ] as const) {
      const request = clientRequest({
        rawHeaders: client,
        subresource,
        isUpgrade: (client as readonly string[]).includes('Upgrade'),
      });
      const { headers } = upstreamRequest({ authenticates: false, missingRights }, request, {
        ...{ headers: [], connection: 'any', isRepeatable: true },
      });
      assert.deepEqual(valuesOf(headers, 'origin'), origins, `${client} ${subresource}`);
      assert.deepEqual(
        fields(headers).filter(([name]) => name.startsWith('sec-fetch-')),
        [],
      );
    }
    const server = { protocol: 'http:', hostname: '::1', port: 8080, path: '/k8s' } as const;
    const request = clientRequest({
      rawHeaders: page,
      subresource: 'proxy',
      endpoint: endpointWith({ server }),
    });
    const { headers } = upstreamRequest({ authenticates: false, missingRights }, request, {
      ...{ headers: [], connection: 'any', isRepeatable: true },
    });
    assert.deepEqual(valuesOf(headers, 'origin'), ['http://[::1]:8080']);
  });

  it('equal the client’s headers, in their order and spelling, repeated and empty ones too', () => {
    const client = [
      ...['ACCEPT', 'a/b', 'x-Y', '1', 'X-y', '2', 'Empty', '', 'Cookie', 'a=b; c=d'],
      ...['X-Bytes', '\xff\xe9'],
    ];
    const headers = outboundHeaders(client, {
      ...additions,
      authorization: undefined,
      remoteAddress: undefined,
    });
    assert.deepEqual(headers, ['Host', 'api.example:6443', ...client, 'X-Request-Id', 'generated']);
  });

  it("have only the upstream's Host, and no hop-by-hop field in any case", () => {
    const headers = outboundHeaders(['Host', 'localhost:8001', 'hOST', 'evil.example'], additions);
    assert.deepEqual(valuesOf(headers, 'host'), ['api.example:6443']);
    for (const [name, value] of hopByHop) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
        assert.deepEqual(sent([spelling, value], name.toLowerCase()), [], name);
      }
    }
    assert.deepEqual(sent(['Expect', '100-continue'], 'expect'), []);
    assert.deepEqual(sent(['Trailer', 'X-Sum'], 'trailer'), []);
  });

  it('contain no field that Connection names, in one list or several, in any case and with any white space', () => {
    const headers = outboundHeaders(
      [
        ...['X-One', '1', 'Connection', 'keep-alive, x-ONE ,\tX-Two', 'X-Two', '2'],
        ...['connection', 'X-Three', 'X-THREE', '3', 'X-Four', '4'],
      ],
      additions,
    );
    const names = fields(headers).map(([name]) => name);
    assert.deepEqual(names.sort(), ['authorization', 'host', 'x-forwarded-for', 'x-four', 'x-request-id']);
  });

  it('leave the framing of the body to the sender, whatever Connection names', () => {
    for (const connection of ['close', 'Content-Length, close']) {
      const headers = outboundHeaders(['Content-Length', '5', 'Connection', connection], additions);
      assert.deepEqual(valuesOf(headers, 'content-length'), []);
    }
  });

  it("have the client's own Authorization if there is one, even an empty one, and otherwise the configured one", () => {
    assert.deepEqual(sent(['authorization', 'Bearer client'], 'authorization'), ['Bearer client']);
    assert.deepEqual(sent(['AUTHORIZATION', ''], 'authorization'), ['']);
    assert.deepEqual(sent([], 'authorization'), ['Bearer configured']);
    assert.deepEqual(sent([], 'authorization', { authorization: undefined }), []);
    assert.deepEqual(sent(['Proxy-Authorization', 'Bearer client'], 'authorization'), ['Bearer configured']);
  });

  it("have the client's address at the end of one X-Forwarded-For, and the client's X-Request-Id if there is one", () => {
    const headers = outboundHeaders(
      ['X-Forwarded-For', '10.0.0.1', 'x-forwarded-for', '10.0.0.2, 10.0.0.3'],
      additions,
    );
    assert.deepEqual(valuesOf(headers, 'x-forwarded-for'), ['10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.1']);
    assert.deepEqual(sent([], 'x-forwarded-for', { remoteAddress: undefined }), []);
    const [long = ''] = sent(['X-Forwarded-For', '10.0.0.1, '.repeat(9_000)], 'x-forwarded-for');
    assert.equal(long.match(/10\.0\.0\.1/g)?.length, 63);
    assert.match(long, /, 192\.0\.2\.1$/);
    assert.deepEqual(sent(['x-request-ID', 'mine'], 'x-request-id'), ['mine']);
    assert.deepEqual(sent([], 'x-request-id'), ['generated']);
  });

  it('contain no credential that the client sent to the proxy', () => {
    const own = { ...additions, dropsCredentials: true };
    const client = [
      ...['Authorization', 'Bearer secret', 'AUTHORIZATION', 'Basic c2VjcmV0', 'authorization', 'secret'],
      ...['Sec-WebSocket-Protocol', 'v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0'],
      ...['sec-websocket-protocol', 'BASE64URL.bearer.authorization.k8s.io.c2VjcmV0'],
      ...['Sec-Websocket-Protocol', 'base64url.bearer.authorization.k8s.io.c2VjcmV0,v4.channel.k8s.io'],
      // The API server ignores white space of Unicode around a name.
      ...['Sec-WebSocket-Protocol'],
      ...['v3.channel.k8s.io, \xc2\xa0base64url.bearer.authorization.k8s.io.c2VjcmV0'],
      ...['Cookie', 'kept=1'],
    ];
    const headers = outboundHeaders(client, own);
    assert.deepEqual(valuesOf(headers, 'authorization'), ['Bearer configured']);
    assert.deepEqual(valuesOf(headers, 'sec-websocket-protocol'), [
      ...['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io'],
    ]);
    assert.deepEqual(valuesOf(headers, 'cookie'), ['kept=1']);
    assert.doesNotMatch(headers.join(), /secret|c2VjcmV0/);
    const none = outboundHeaders(client, { ...own, authorization: undefined });
    assert.deepEqual(valuesOf(none, 'authorization'), []);
    const named = outboundHeaders([...client, 'Connection', 'Authorization, Impersonate-User'], {
      ...own,
      user: 'alice',
    });
    assert.deepEqual(valuesOf(named, 'authorization'), ['Bearer configured']);
    assert.deepEqual(valuesOf(named, 'impersonate-user'), ['alice']);
  });

  it('keep what only a subprotocol or a Connection field would mean in another field', () => {
    const bearer = 'base64url.bearer.authorization.k8s.io.YQ';
    const client = [
      ...['User-Agent', 'accept', 'X-List', 'x-b, accept', 'Accept', '*/*', 'X-B', '1', 'X-Note', bearer],
    ];
    const own = { ...additions, remoteAddress: undefined };
    for (const dropsCredentials of [false, true]) {
      const headers = clientHeaders(client, { ...own, dropsCredentials });
      assert.deepEqual(headers, [...client, 'X-Request-Id', 'generated']);
    }
    const protocol = ['Sec-WebSocket-Protocol', bearer];
    assert.deepEqual(clientHeaders(protocol, own).slice(0, 2), protocol);
  });

  it("have the proxy's Audit-ID in place of the client's, if it writes one", () => {
    const client = ['AUDIT-id', 'mine', 'X-A', '1'];
    const own = { ...additions, remoteAddress: undefined };
    assert.deepEqual(clientHeaders(client, own), [...client, 'X-Request-Id', 'generated']);
    assert.deepEqual(clientHeaders(client, { ...own, auditId: 'ours' }), [
      ...['X-A', '1', 'X-Request-Id', 'generated', 'Audit-ID', 'ours'],
    ]);
  });

  it('have no Host and no credential of the proxy before there is an access', () => {
    const client = ['Host', 'localhost:8001', 'Accept', 'a/b'];
    assert.deepEqual(clientHeaders(client, { ...additions, remoteAddress: undefined }), [
      ...['Accept', 'a/b', 'X-Request-Id', 'generated'],
    ]);
  });
});

const request = {
  head: new RequestHead({ method: 'GET', rawHeaders: [] }),
  path: new RequestPath({
    method: 'GET',
    received: '/clusters/dev/logs/a',
    target: '/logs/a',
    prefix: '/clusters/dev',
    serverPath: '',
  }),
} as OpenRequest;

const policy = { sandboxesProxiedPages: true };

const inboundHeaders = (rawHeaders: readonly string[], request: OpenRequest) =>
  inboundFields(rawHeaders, request, policy).headers;

describe('the headers of a response to the client', () => {
  it('hold every cookie where it came from, and drop one that cannot be held', () => {
    const fields = ['SET-COOKIE', 'a=1; Path=/', 'set-cookie', '__Host-b=2; Path=/'];
    assert.deepEqual(inboundHeaders(fields, request), ['SET-COOKIE', 'a=1; Path=/clusters/dev/logs/']);
  });

  it("otherwise equal the API server's headers, in their order and spelling, repeated ones too, but for the origins that it allows", () => {
    const upstream = [
      ...['X-A', '1', 'x-a', '2', 'Warning', '299 - "x"', 'WARNING', '299 - "y"', 'Content-Length', '5'],
      ...['Content-Security-Policy', "default-src 'self'", 'Set-Cookie2', 'a=1'],
      ...['X-Access-Control-Allow-Origin', 'kept'],
    ];
    const origins = ['Access-Control-Allow-Origin', '*', 'ACCESS-CONTROL-ALLOW-CREDENTIALS', 'true'];
    assert.deepEqual(inboundHeaders([...upstream, ...origins], request), upstream);
  });

  it('contain no hop-by-hop field and none that Connection names, but keep the length', () => {
    for (const [name, value] of hopByHop) assert.deepEqual(inboundHeaders([name, value], request), [], name);
    assert.deepEqual(
      inboundHeaders(
        [...['Connection', 'X-Hop, content-length', 'X-Hop', '1'], ...['Content-Length', '5', 'X-End', '2']],
        request,
      ),
      ['Content-Length', '5', 'X-End', '2'],
    );
  });

  it('are the same if protocols are switched, with the hop-by-hop fields of the switch and the fields of guards', () => {
    const upstream = ['Connection', 'Upgrade', 'UPGRADE', 'websocket', 'Access-Control-Allow-Origin', '*'];
    for (const [answerHeaders, added] of [
      [[], ''],
      [['Vary', 'Origin', 'X-B', '2'], 'Vary: Origin\r\nX-B: 2\r\n'],
    ] as const) {
      const head = switchingProtocols(
        'OK',
        upstream,
        { ...request, answerHeaders } as unknown as OpenRequest,
        policy,
      );
      assert.equal(head, `HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUPGRADE: websocket\r\n${added}\r\n`);
    }
  });

  it('are read in any case as the client gets them, all lines of one name together', () => {
    const read = (...rawHeaders: string[]) => {
      const { headers: _, ...rest } = inboundFields(rawHeaders, request, policy);
      return rest;
    };
    const none = { contentType: undefined, auditId: undefined, hasLength: false };
    assert.deepEqual(read('X-Content-Type', 'a', 'Content-Types', 'b', 'Audit-Ids', 'c'), none);
    const fields = ['CONTENT-type', 'a', 'Audit-Id', '1', 'content-TYPE', 'b', 'audit-ID', '2'];
    assert.deepEqual(read(...fields), { ...none, contentType: 'a, b', auditId: '1, 2' });
    assert.deepEqual(read(...fields, 'Connection', 'Content-Type, Audit-Id'), none);
    assert.deepEqual(read('content-LENGTH', '0', 'TRAILER', 'x'), { ...none, hasLength: true });
  });
});

it('a 204 has no length', () => {
  const headersOf = (statusCode: number) =>
    responseHeaders(
      { statusCode, rawHeaders: ['Content-Length', '0', 'X-A', '1'] },
      { ...request, mount: { relocates: false }, answerHeaders: [] } as unknown as OpenRequest,
      policy,
    );
  assert.equal(headersOf(204).headers.includes('Content-Length'), false);
  assert.equal(headersOf(204).hasLength, false);
  assert.equal(headersOf(200).headers.includes('Content-Length'), true);
});
