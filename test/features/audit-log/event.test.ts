import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import {
  auditUser,
  auditUserAgent,
  objectReference,
  ownAuditId,
  responseStatus,
  sourceIPs,
} from '../../../src/features/audit-log/event.js';
import { formatMicroTime } from '../../../src/features/audit-log/request-audit.js';
import { loggableUri } from '../../../src/features/audit-log/request-uri.js';
import { microTime } from '../../../src/features/common/micro-time.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import { assertLinearIn } from '../../support/field-lists.js';
import { assertLinear } from '../../support/growth.js';

it("sourceIPs are in the API server's order with the peer last, whatever the headers contain, and empty if the peer has no address", () => {
  const peer = '192.0.2.9';
  for (const [forwardedFor, realIp, expected] of [
    [undefined, undefined, [peer]],
    ['198.51.100.1', undefined, ['198.51.100.1', peer]],
    ['198.51.100.1, 198.51.100.2', '198.51.100.3', ['198.51.100.1', '198.51.100.2', '198.51.100.3', peer]],
    ['198.51.100.1', '198.51.100.1', ['198.51.100.1', peer]],
    [undefined, '2001:db8::1', ['2001:db8::1', peer]],
    ['unknown, _hidden, , "198.51.100.1", 198.51.100.7:80', 'localhost', [peer]],
    [`198.51.100.1,${peer}`, undefined, ['198.51.100.1', peer]],
    [`${peer},198.51.100.1`, undefined, [peer, '198.51.100.1', peer]],
    ['::ffff:198.51.100.1', undefined, ['198.51.100.1', peer]],
  ] as const) {
    const rawHeaders = [
      ...(forwardedFor === undefined ? [] : ['X-Forwarded-For', forwardedFor]),
      ...(realIp === undefined ? [] : ['X-Real-Ip', realIp]),
    ];
    assert.deepEqual(sourceIPs(rawHeaders, peer), { addresses: expected, areCut: false }, rawHeaders.join());
  }
  assert.deepEqual(sourceIPs([], '::ffff:192.0.2.9')?.addresses, ['192.0.2.9']);
  assert.equal(sourceIPs(['X-Forwarded-For', '198.51.100.1'], undefined), undefined);
});

describe('the request URI of an audit event', () => {
  it('is unchanged if it contains no secret', () => {
    for (const uri of [
      '/api/v1/namespaces/default/pods?watch=true&resourceVersion=5&timeoutSeconds=9',
      '/api/v1/pods?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEi&limit=500&fieldSelector=metadata.name%3Da%2Cb',
      '/api/v1/namespaces/default/pods/web/exec?command=cat&command=%2Fvar%2Frun%2Ftoken&stdin=true',
      '/token/secret',
      '/?',
      '/',
    ]) {
      assert.equal(loggableUri(uri), uri);
    }
  });

  it('never contains the value of a parameter with the name of a secret, in any spelling', () => {
    for (const query of [
      ...['access_token=S3CRET', 'a=b&access_token=S3CRET&c=d', 'ACCESS_TOKEN=S3CRET'],
      ...['access%5Ftoken=S3CRET', '%61ccess%5ftoken=S3CRET', 'access%255Ftoken=S3CRET'],
      ...['%2561ccess_token=S3CRET', 'a=b;access_token=S3CRET', '+access_token+=S3CRET'],
      ...['access_token[]=S3CRET', 'access_token=S3CRET=S3CRET', 'access_token==S3CRET'],
      ...['token=S3CRET', 'id_token=S3CRET&client_secret=S3CRET', 'x?access_token=S3CRET'],
      ...['password=S3CRET', 'X-Amz-Signature=S3CRET'],
      ...['api_key=S3CRET&apikey=S3CRET&API-KEY=S3CRET', 'authorization=S3CRET'],
      ...['code=S3CRET&state=S3CRET&iss=https://login.example', 'a=b;state=S3CRET', 'CODE=S3CRET'],
      ...['%63ode=S3CRET', '%2563ode=S3CRET', '?code=S3CRET', 'code[]=S3CRET', '+state+=S3CRET'],
    ]) {
      const uri = loggableUri(`/api/v1/pods?${query}`);
      assert.doesNotMatch(uri, /S3CRET/, query);
      assert.match(uri, /REDACTED/, query);
    }
    assert.equal(loggableUri('/x?a=b&token=S3CRET&c=d'), '/x?a=b&token=REDACTED&c=d');
    const others = '/x?statusCode=1&exit-code=2&state_of=3&nostate=4&codes=5&a=code&b=state';
    assert.equal(loggableUri(others), others);
  });

  it('is left out if it is not a path, because it may contain a password, and has bytes percent-encoded that no URL may have', () => {
    assert.equal(loggableUri('http://user:password@host/api'), '');
    assert.equal(loggableUri('*'), '');
    assert.equal(loggableUri('/caf\xc3\xa9?\xff" !~\x7f\x1f'), '/caf%C3%A9?%FF"%20!~%7F%1F');
    assert.equal(loggableUri('/x?%zz=1&%252525zz=2'), '/x?%zz=1&%252525zz=2');
  });
});

it('the Audit-ID of a request is accepted if it is valid, and otherwise not used', () => {
  assert.equal(ownAuditId(['Audit-ID', '4b2e2a0f-7cc8-4b64-8f4f-1d1cc6c0a0a1'])?.length, 36);
  assert.equal(ownAuditId(['audit-id', 'team:web.1_2-3']), 'team:web.1_2-3');
  assert.equal(ownAuditId([]), undefined);
  for (const id of ['', 'one, two', 'a b', 'a\nb', '"', 'é', 'x'.repeat(129)]) {
    assert.equal(ownAuditId(['Audit-ID', id]), undefined, id);
  }
});

describe('the parts of an audit event', () => {
  it('describe the object of a resource request, and are absent for other paths', () => {
    const reference = (method: string, path: string) =>
      JSON.parse(JSON.stringify(objectReference(parseRequestInfo(method, path, '')) ?? null));
    assert.deepEqual(reference('PUT', '/apis/apps/v1/namespaces/ns/deployments/web/scale'), {
      resource: 'deployments',
      namespace: 'ns',
      name: 'web',
      apiGroup: 'apps',
      apiVersion: 'v1',
      subresource: 'scale',
    });
    assert.deepEqual(reference('GET', '/api/v1/nodes'), { resource: 'nodes', apiVersion: 'v1' });
    assert.equal(reference('GET', '/version'), null);
  });

  it('name the user as UserInfo of authentication.k8s.io/v1, and no user without authentication', () => {
    assert.deepEqual(auditUser(undefined), {});
    assert.deepEqual(auditUser({ username: 'jane', uid: undefined, groups: [], extra: new Map() }), {
      username: 'jane',
    });
    const extra = new Map([
      ['scopes', ['a', 'b']],
      ['__proto__', ['c']],
    ]);
    assert.equal(
      JSON.stringify(auditUser({ username: 'jane', uid: '42', groups: ['dev'], extra })),
      '{"username":"jane","uid":"42","groups":["dev"],"extra":{"scopes":["a","b"],"__proto__":["c"]}}',
    );
  });

  it("describe how the request ended: with the API server's code, with the proxy's Status, or without an answer", () => {
    assert.deepEqual(responseStatus(200, undefined), { metadata: {}, code: 200 });
    assert.deepEqual(responseStatus(403, new StatusError(403, 'not so')), {
      metadata: {},
      status: 'Failure',
      message: 'not so',
      reason: 'Forbidden',
      code: 403,
    });
    assert.deepEqual(responseStatus(200, new Error('secret detail')), {
      metadata: {},
      status: 'Failure',
      message: 'the connection ended before the answer was complete',
      code: 200,
    });
    const none = responseStatus(0, new StatusError(429, 'too many'));
    assert.equal(none.code, undefined);
    assert.match(none.message ?? '', /before there was an answer/);
  });

  it('have a User-Agent of limited length', () => {
    assert.equal(auditUserAgent([]), undefined);
    assert.equal(auditUserAgent(['User-Agent', 'kubectl/v1.32']), 'kubectl/v1.32');
    assert.equal(auditUserAgent(['User-Agent', 'caf\xc3\xa9']), 'café');
    assert.match(auditUserAgent(['User-Agent', 'x'.repeat(5000)]) ?? '', /^x{1024}\.\.\.TRUNCATED$/);
    // The API server counts bytes, and cuts a character in two.
    assert.match(
      auditUserAgent(['User-Agent', `x${'\xc3\xb6'.repeat(600)}`]) ?? '',
      /^xö{511}\ufffd\.\.\.TRUNCATED$/,
    );
  });

  it('have times as metav1.MicroTime, which never go back', () => {
    assert.equal(formatMicroTime(0), '1970-01-01T00:00:00.000000Z');
    assert.equal(formatMicroTime(1_700_000_000_123.456), '2023-11-14T22:13:20.123456Z');
    assert.equal(formatMicroTime(1_700_000_000_000.0625), '2023-11-14T22:13:20.000062Z');
    const times = Array.from({ length: 1000 }, () => formatMicroTime(microTime()));
    assert.deepEqual([...times].sort(), times);
    const [before, time, after] = [Date.now(), microTime(), Date.now()];
    // It differs from the wall clock, which has whole milliseconds, by 2 ms at most.
    assert.ok(time > before - 3 && time < after + 3, `${time} is not between ${before} and ${after}`);
  });
});

test('what an event says of a target and of X-Forwarded-For takes linear time', () => {
  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    'a query': text => loggableUri(`/x?watch=1&%61${text}`),
    'a path': text => loggableUri(`/${text}`),
    'X-Forwarded-For': text => sourceIPs(['X-Forwarded-For', text], '192.0.2.1'),
  };
  for (const [name, read] of Object.entries(readers)) {
    for (const unit of ['a', '/', '%61', '&%61=', '\x80', '=', ',', '9', 'token=&']) {
      assertLinear(
        126 * 1024,
        length => {
          const text = unit.repeat(length / unit.length);
          return () => read(text);
        },
        `${name} of ${JSON.stringify(unit)}`,
      );
    }
  }
});

test('what an event says of header fields takes linear time', () => {
  assertLinearIn(['X-Forwarded-For', 'X-Real-Ip', 'Audit-ID', 'User-Agent'], fields => [
    sourceIPs(fields, '192.0.2.1'),
    ownAuditId(fields),
    auditUserAgent(fields),
  ]);
});
