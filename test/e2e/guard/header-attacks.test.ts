import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { valuesOf } from '../../support/clients/header-lines.js';
import type { RequestRecord } from '../../support/fake-api-server/fake-api-server.js';
import { startStack } from '../../support/proxy/stack.js';
import { type AttackRequest, clientRequests, type Leg, legs, send } from '../leg.js';

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
      assert.deepEqual(valuesOf(record.rawHeaders, 'host'), [`127.0.0.1:${server.port}`]);
      assert.deepEqual(valuesOf(record.rawHeaders, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(record.rawHeaders, 'authorization'), [`Bearer ${token}`]);
      assert.deepEqual(valuesOf(record.rawHeaders, 'impersonate-user'), []);
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
      assert.deepEqual(valuesOf(record.rawHeaders, name as string), values, name);
    assert.match(valuesOf(record.rawHeaders, 'connection').join(), /^upgrade$/i);
  });
}
