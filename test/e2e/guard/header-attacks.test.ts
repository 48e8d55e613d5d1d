import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { exchangeRaw } from '../../support/clients/raw-http.js';
import type { RequestRecord } from '../../support/fake-api-server/fake-api-server.js';
import { startStack } from '../../support/proxy/stack.js';
import { execPath } from '../exec-spellings.js';
import { type AttackRequest, clientRequests, type Leg, legs, send, toBytes } from '../leg.js';

const token = 'configured-token-that-nobody-may-see';
const clientToken = 'token-of-the-client';
const path = '/api/v1/namespaces/default/services/web/proxy/';

const admin = { username: 'admin', groups: ['system:masters'] };
const { server, proxy } = await startStack(
  { after },
  {
    server: { clientCertificates: 'optional', tokens: { [token]: admin, [clientToken]: admin } },
    flags: ['--log-level=trace', `--token=${token}`],
  },
);
let seen = 0;
/** All bytes that clients have received in these tests. */
let received = '';

beforeEach(() => {
  seen = clientRequests(server).length;
});

/** Sends a request with these header lines and returns the fields that reached the API server. */
async function arrives(request: AttackRequest): Promise<RequestRecord> {
  await send(proxy.port, request);
  const records = clientRequests(server).slice(seen);
  seen += records.length;
  assert.equal(records.length, 1);
  return records[0] as RequestRecord;
}

function valuesOf({ rawHeaders }: RequestRecord, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

for (const leg of Object.keys(legs) as Leg[]) {
  describe(`the headers of a request on the ${leg} leg`, () => {
    it('keep everything that the proxy adds, even if a Connection header names it', async () => {
      const record = await arrives({
        leg,
        target: path,
        headers: [
          'Connection: X-Forwarded-For, Authorization, Host, Content-Length, Impersonate-User',
          'X-Forwarded-For: 192.0.2.7',
          `Authorization: Bearer ${clientToken}`,
          'Impersonate-User: nobody',
        ],
      });
      assert.deepEqual(valuesOf(record, 'host'), [`127.0.0.1:${server.port}`]);
      assert.deepEqual(valuesOf(record, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(record, 'authorization'), [`Bearer ${token}`]);
      assert.deepEqual(valuesOf(record, 'impersonate-user'), []);
    });

    it('have no hop-by-hop field, in any case', async () => {
      const fields = [
        ...['Keep-Alive: timeout=5', 'KEEP-ALIVE: max=3', 'Proxy-Connection: keep-alive'],
        ...['proxy-authorization: Basic aHVudGVyMg==', 'Proxy-Authenticate: Basic'],
        ...['TE: trailers, deflate', 'tRAILER: X-Sum', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'X-Named: 1'],
        'Connection: x-named',
      ];
      const record = await arrives({ leg, target: path, headers: fields });
      for (const field of fields) {
        const name = field.slice(0, field.indexOf(':')).toLowerCase();
        if (name !== 'connection') assert.deepEqual(valuesOf(record, name), [], name);
      }
      assert.doesNotMatch(valuesOf(record, 'connection').join(), /x-named/i);
    });

    it('have one credential, the own one of the client or the configured one, and the client once', async () => {
      for (const [headers, name, values] of [
        [[`authorization: Bearer ${clientToken}`], 'authorization', [`Bearer ${clientToken}`]],
        [['X-Authorization: Basic eDp5'], 'authorization', [`Bearer ${token}`]],
        [[`Proxy-Authorization: Bearer ${clientToken}`], 'proxy-authorization', []],
        [
          ['X-Forwarded-For: 192.0.2.7', 'x-forwarded-for: 192.0.2.8, 192.0.2.9'],
          'x-forwarded-for',
          ['192.0.2.7, 192.0.2.8, 192.0.2.9, 127.0.0.1'],
        ],
      ] as const)
        assert.deepEqual(valuesOf(await arrives({ leg, target: path, headers }), name), values);
    });

    it('get no new field from encoded characters in a target or a value', async () => {
      const record = await arrives({
        leg,
        target: `${path}?a=%0d%0aX-Injected:%201`,
        headers: ['X-Value: a%0d%0aX-Injected: 1', 'X-Bytes: \xe2\x80\xa8\xc4\x8a\xff'],
      });
      assert.deepEqual(valuesOf(record, 'x-injected'), []);
      assert.deepEqual(valuesOf(record, 'x-bytes'), ['\xe2\x80\xa8\xc4\x8a\xff']);
      assert.equal(record.rawUrl, `${path}?a=%0d%0aX-Injected:%201`);
    });
  });
}

for (const leg of ['websocket', 'spdy'] as const) {
  it(`a POST for an upgrade on the ${leg} leg has no body, and names its protocol and its own fields once`, async () => {
    const headers = ['X-Repeated: 1', 'X-Repeated: 2', `Authorization: Bearer ${clientToken}`];
    const record = await arrives({ leg, method: 'POST', target: path, headers });
    for (const [name, ...values] of [
      ...[['content-length', '0'], ['transfer-encoding'], ['x-repeated', '1', '2']],
      ...[
        ['upgrade', leg === 'spdy' ? 'SPDY/3.1' : leg],
        ['authorization', `Bearer ${clientToken}`],
      ],
    ] as const)
      assert.deepEqual(valuesOf(record, name as string), values, name);
    assert.match(valuesOf(record, 'connection').join(), /^upgrade$/i);
  });
}

describe('the length of a body', () => {
  it('is kept even if Connection names it', async () => {
    const record = await arrives({
      method: 'PUT',
      target: path,
      headers: ['Connection: Content-Length', 'Content-Length: 5'],
      rest: 'hello',
    });
    assert.deepEqual(valuesOf(record, 'content-length'), ['5']);
    assert.equal(record.bodyBytes, 5);
  });
});

describe('the configured credentials', () => {
  it('appear in no answer of the proxy and in no line of its log', async () => {
    const keyLine = server.clientCertificate.key.split('\n')[1] as string;
    const closing = { headers: ['Accept: */*'] };
    for (const request of [
      { target: execPath },
      { target: 'http://x/' },
      { target: '/-/metrics' },
      { target: '/-/readyz?verbose' },
      { target: '/-/nothing' },
      { target: '/version', host: ['Host: evil.example'] },
      { target: '/version', headers: ['Authorization: Bearer wrong'] },
      { target: '/version', headers: ['Impersonate-User: nobody'] },
      { target: '/version', method: 'TRACE' },
      { target: '/version', method: 'OPTIONS' },
      { target: '/api/v1/nothing' },
      { target: execPath, leg: 'websocket' as const },
      { target: '/version', leg: 'spdy' as const },
    ]) {
      received += (await send(proxy.port, { ...closing, ...request })).raw;
    }
    received += await exchangeRaw(proxy.port, 'nonsense\r\n\r\n');
    await server.kill();
    received += (await send(proxy.port, { target: '/version' })).raw;
    received += (await send(proxy.port, { target: '/version', leg: 'websocket' })).raw;
    received += await exchangeRaw(proxy.port, toBytes({ target: '/-/readyz?verbose' }));
    assert.match(received, /HTTP\/1\.1 503 /);
    for (const secret of [
      token,
      Buffer.from(token).toString('base64'),
      keyLine,
      clientToken,
      'hunter2',
      'aHVudGVyMg==',
    ]) {
      assert.ok(!received.includes(secret), `an answer holds ${secret}`);
      assert.ok(!proxy.stderr().includes(secret), `the log holds ${secret}`);
      assert.ok(!proxy.stdout().includes(secret), `stdout holds ${secret}`);
    }
  });
});
