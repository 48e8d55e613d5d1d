import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rejectClaimedIdentity } from '../src/guard/claimed-identity.js';
import { isRead } from '../src/guard/read-only.js';
import { forwardedFor } from '../src/http/forwarded-for.js';
import { fieldListSize, fieldValue, hasField, removeFields } from '../src/http/header-fields.js';
import { RequestHead } from '../src/http/request-head.js';
import {
  hasImpersonationHeader,
  impersonatedUser,
  takesMoreThan,
  userOfImpersonation,
} from '../src/kubernetes/impersonation.js';
import { parseRequestInfo } from '../src/kubernetes/request-info.js';
import { requestedUser } from '../src/kubernetes/requested-user.js';
import { upstreamRequest } from '../src/proxy/client-request.js';
import { responseHeaders, switchingProtocols } from '../src/proxy/headers.js';
import type { OpenRequest } from '../src/request/context.js';
import { RequestPath } from '../src/request/request-path.js';
import { ResponseParser } from '../src/transport/http1/response-parser.js';
import { headersFrames } from '../src/transport/http2/frames.js';
import type { HeaderFields } from '../src/transport/http2/header-block.js';
import { checkTrailers, readHead, requestFields } from '../src/transport/http2/heads.js';
import { decodeHeaderBlock, encodeHeaders } from '../src/transport/http2/hpack.js';
import { Inbound } from '../src/transport/http2/inbound.js';
import { outgoingRequest, SentRequest } from '../src/transport/upstream-request.js';
import { assertLinearIn, fieldCount, listOf } from './support/field-lists.js';
import { assertLinear } from './support/growth.js';
import { clientRequest } from './support/proxy/client-request.js';
import { FakePool } from './support/transport/fake-pool.js';
import { accessTo } from './support/transport/upstream-requests.js';
import { settingsFrame } from './support/upstreams/http2-frames.js';

const path = new RequestPath({
  ...{ method: 'GET', received: '/clusters/dev/api', target: '/api' },
  ...{ prefix: '/clusters/dev', serverPath: '' },
});
const answered = {
  ...clientRequest({ mount: { namesContext: true } }),
  ...{ path, cluster: { host: 'api.example' }, answerHeaders: ['Vary', 'Origin'] },
} as unknown as OpenRequest;
const fromBrowser = {
  ...answered,
  head: new RequestHead({ method: 'GET', rawHeaders: ['Sec-Fetch-Mode', 'cors'] }),
} as OpenRequest;
const policy = { sandboxesProxiedPages: true };
const access = accessTo(new FakePool());
const leg = { headers: [], connection: 'any', isRepeatable: true } as const;
const info = parseRequestInfo('GET', '/api/v1/pods', '');

const requestNames = [
  ...['Host', 'Connection', 'Upgrade', 'Cookie', 'Authorization', 'X-Forwarded-For', 'X-Real-Ip'],
  ...['Impersonate-User', 'Impersonate-Group', 'Impersonate-Extra-a', 'Sec-WebSocket-Protocol', 'Accept'],
  ...[
    ...['Audit-ID', 'X-Request-Id', 'User-Agent', 'Content-Length', 'Transfer-Encoding', 'Origin'],
    'X-Remote-User',
  ],
];

/** What reads the fields of a request, in the order of its way. */
const requestReaders: Readonly<Record<string, (fields: string[]) => unknown>> = {
  'the head': rawHeaders => new RequestHead({ method: 'GET', rawHeaders }),
  'the size': fieldListSize,
  'the addresses that it came from': forwardedFor,
  'the rule about identities': fields => rejectClaimedIdentity(fields, /^impersonate-/i),
  'the rule about methods': rawHeaders => isRead(info, new RequestHead({ method: 'GET', rawHeaders })),
  'the rule about impersonation': hasImpersonationHeader,
  'the user that it asks for': fields => requestedUser(['Impersonate-User', 'a', ...fields], false),
  'the user of an audit event': impersonatedUser,
  'the size of a user': fields =>
    takesMoreThan(1e9, impersonatedUser(['Impersonate-User', 'a', ...fields]) ?? assert.fail()),
  'the user without the credential': userOfImpersonation,
  'the head for the API server': rawHeaders => {
    for (const authenticates of [true, false]) {
      const user = { username: 'alice', uid: undefined, groups: [], extra: new Map() };
      const request = clientRequest({ rawHeaders, auditId: 'a', remoteAddress: '192.0.2.1', caller: user });
      const outgoing = outgoingRequest(
        upstreamRequest({ authenticates, missingRights: { errorFor: async () => undefined } }, request, leg),
        access,
      );
      new SentRequest('a', outgoing.headers).user;
    }
  },
  'the head for the API server over HTTP/2': headers =>
    encodeHeaders(requestFields({ method: 'GET', path: '/', headers: ['Host', 'a', ...headers] })),
};

const answerNames = [
  ...['X-Content-Type-Options', 'Set-Cookie', 'Trailer', 'Connection', 'Content-Length', 'Transfer-Encoding'],
  ...[
    ...['Content-Type', 'Content-Encoding', 'Location', 'Audit-Id', 'Date', 'Upgrade', 'NEL', 'Vary'],
    'Content-Security-Policy',
  ],
];

/** What reads the fields of an answer, in the order of its way. */
const answerReaders: Readonly<Record<string, (fields: string[]) => unknown>> = {
  'a value': fields => [fieldValue(fields, 'content-type'), hasField(fields, 'x')],
  'a removal': fields => {
    for (const name of answerNames) removeFields(fields, name.toLowerCase());
  },
  'the head of HTTP/2': fields => readHead([':status', '200', ...fields.map(text => text.toLowerCase())]),
  'trailers of HTTP/2': fields => checkTrailers(fields.map(text => text.toLowerCase())),
  'a header block': fields => decodeHeaderBlock(encodeHeaders(fields), 1e9),
  'the head of an answer': rawHeaders => {
    for (const [statusCode, request] of [
      [200, answered],
      [204, fromBrowser],
    ] as const) {
      responseHeaders({ statusCode, rawHeaders }, request, policy);
    }
  },
  'the head of an upgrade': fields => switchingProtocols('', fields, answered, policy),
};

const lines = (fields: readonly string[]) =>
  fields.map((text, index) => text + (index % 2 === 0 ? ': ' : '\r\n'));

/** What the parsers of HTTP/1.1 and HTTP/2 read in one piece. */
const answers: Readonly<Record<string, (length: number) => () => unknown>> = {
  'a head of HTTP/1.1': length =>
    parsing(`HTTP/1.1 200 OK\r\n${lines(listOf('Set-Cookie', length)).join('')}\r\n`),
  'trailers of HTTP/1.1': length => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n';
    return parsing(`${head}${lines(listOf('Trailer', length)).join('')}\r\n`);
  },
  'informational answers of HTTP/1.1': length =>
    parsing('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(length)),
  'informational answers of HTTP/2': length => {
    const hints = headersFrames(1, encodeHeaders([':status', '103', 'link', '</a>']));
    const bytes = Buffer.concat([settingsFrame(), ...Array.from({ length }, () => hints)]);
    const events = { onSettings() {}, onPing() {}, onGoaway() {}, onData() {}, onReset() {} };
    const onHeaders = (_: number, fields: HeaderFields) => void readHead(fields as string[]);
    return () => new Inbound({ ...events, onHeaders }).push(bytes);
  },
};

function parsing(text: string): () => void {
  const bytes = Buffer.from(text, 'latin1');
  return () => {
    const parser = new ResponseParser();
    parser.expect({ onHead() {}, onSwitch() {}, onBody() {}, onEnd() {} }, { withoutBody: false });
    try {
      parser.push(bytes);
    } catch {}
  };
}

describe('reading a list of header fields takes time in proportion to its length:', () => {
  for (const [what, read] of Object.entries(requestReaders)) {
    it(`${what} of a request`, () => assertLinearIn(requestNames, read));
  }
  for (const [what, read] of Object.entries(answerReaders)) {
    it(`${what}, from the API server`, () => assertLinearIn(answerNames, read));
  }
  it('all values of one attribute of a user', () => {
    assertLinear(3 * fieldCount, length => {
      const fields = Array.from({ length }, () => ['Impersonate-Extra-a', '1']).flat();
      return () => impersonatedUser(fields);
    });
  });
  for (const [what, prepare] of Object.entries(answers)) {
    it(what, () => assertLinear(fieldCount, prepare));
  }
});
