import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestedUser } from '../../src/kubernetes/requested-user.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { upstreamRequest } from '../../src/proxy/client-request.js';
import type { OpenRequest } from '../../src/request/context.js';
import { outgoingRequest } from '../../src/transport/upstream-request.js';
import { valuesOf } from '../support/clients/header-lines.js';
import { clientRequest, endpointWith } from '../support/proxy/client-request.js';
import { FakePool } from '../support/transport/fake-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const alice = { username: 'alice', uid: undefined, groups: ['dev'], extra: new Map() };
const theirs = ['Authorization', 'Bearer theirs'];
const access = accessTo(new FakePool(), {
  credential: { authorization: 'Bearer own' },
  impersonation: ['Impersonate-User', 'configured'],
});

/** What the two legs know of a request. */
const missingRights = { errorFor: async () => undefined };
const legs = {
  'plain request': { headers: [], connection: 'any', isRepeatable: true },
  upgrade: {
    headers: ['Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1'],
    connection: 'upgrade',
    isRepeatable: false,
  },
} as const;

for (const [which, leg] of Object.entries(legs)) {
  describe(`an upstream request of a ${which}`, () => {
    const make = (authenticates: boolean, request: OpenRequest) =>
      upstreamRequest({ authenticates, missingRights }, request, leg);
    const headersOf = (authenticates: boolean, request: OpenRequest) =>
      outgoingRequest(make(authenticates, request), access).headers;

    it('acts as its caller, without the caller’s credential', () => {
      const headers = headersOf(true, clientRequest({ rawHeaders: theirs, caller: alice }));
      assert.deepEqual(valuesOf(headers, 'authorization'), ['Bearer own']);
      assert.deepEqual(headers.slice(-4), ['Impersonate-User', 'alice', 'Impersonate-Group', 'dev']);
      assert.ok(!headers.includes('Bearer theirs') && !headers.includes('configured'));
    });

    it('acts as whom its caller may impersonate, by the fields that the guards judged and no other', () => {
      const fields = ['impersonate-user', 'carol', 'Impersonate-Extra-%41b', 'x'];
      const requested = { ...(requestedUser(fields, false) ?? assert.fail()) };
      const rawHeaders = [
        ...theirs,
        ...fields,
        'Impersonate-Group',
        'root',
        'Connection',
        'impersonate-user',
      ];
      const request = Object.assign(clientRequest({ rawHeaders, caller: alice }), {
        impersonated: requested,
      });
      const headers = headersOf(true, request);
      assert.deepEqual(headers.slice(-4), fields);
      assert.equal(headers.filter((name, at) => at % 2 === 0 && /^impersonate/i.test(name)).length, 2);
      // A caller who names nobody acts as itself, whatever fields have passed the guards.
      const own = headersOf(true, clientRequest({ rawHeaders, caller: alice }));
      assert.deepEqual(valuesOf(own, 'impersonate-user'), ['alice']);
      assert.deepEqual(valuesOf(own, 'impersonate-group'), ['dev']);
      const nobody = Object.assign(clientRequest({ rawHeaders }), { impersonated: requested });
      assert.throws(() => headersOf(true, nobody), StatusError);
    });

    it('is not created without a user if callers are authenticated, even if a guard has failed', () => {
      assert.throws(
        () => headersOf(true, clientRequest({ rawHeaders: theirs })),
        (error: unknown) => error instanceof StatusError && error.code === 500,
      );
    });

    it('has the client’s own credential if callers are not authenticated, and a 401 is then about that, unless the client’s Connection removes it', () => {
      const client = clientRequest({ rawHeaders: theirs });
      const headers = headersOf(false, client);
      assert.ok(headers.includes('Bearer theirs') && !headers.includes('Bearer own'));
      assert.equal(make(false, client).bringsAuthorization, true);
      const caller = clientRequest({ rawHeaders: theirs, caller: alice });
      assert.equal(make(true, caller).bringsAuthorization, false);
      assert.equal(make(false, clientRequest()).bringsAuthorization, false);
      const removed = clientRequest({ rawHeaders: [...theirs, 'Connection', 'authorization'] });
      assert.deepEqual(valuesOf(headersOf(false, removed), 'authorization'), ['Bearer own']);
      assert.equal(make(false, removed).bringsAuthorization, false);
      assert.equal(make(false, clientRequest()).impersonation, 'configured');
      assert.deepEqual(valuesOf(headersOf(false, clientRequest()), 'impersonate-user'), ['configured']);
    });

    it('keeps what the proxy adds, whatever the client’s Connection names', () => {
      const rawHeaders = [
        ...['Connection', 'Upgrade, Authorization, Impersonate-User, X-Request-Id, Audit-ID, Host'],
        ...['Upgrade', 'theirs', 'Impersonate-User', 'root', 'Audit-ID', 'theirs', 'Host', 'theirs'],
        ...['Connection', 'X-Forwarded-For', 'X-Forwarded-For', '198.51.100.7', 'Authorization', 'theirs'],
      ];
      const own = { caller: alice, auditId: 'own', remoteAddress: '192.0.2.1' };
      const headers = headersOf(true, clientRequest({ rawHeaders, ...own }));
      assert.deepEqual(valuesOf(headers, 'x-forwarded-for'), ['192.0.2.1']);
      assert.deepEqual(valuesOf(headers, 'host'), ['api:6443']);
      assert.deepEqual(valuesOf(headers, 'authorization'), ['Bearer own']);
      assert.deepEqual(valuesOf(headers, 'impersonate-user'), ['alice']);
      assert.deepEqual(valuesOf(headers, 'x-request-id'), ['generated']);
      assert.deepEqual(valuesOf(headers, 'audit-id'), ['own']);
      assert.deepEqual(valuesOf(headers, 'upgrade'), which === 'upgrade' ? ['SPDY/3.1'] : []);
      assert.deepEqual(valuesOf(headers, 'connection'), which === 'upgrade' ? ['Upgrade'] : []);
    });

    it('hides a refusal of the proxy’s credential, except behind a proxy subresource, and belongs to the endpoint and context that it was judged for', () => {
      const hides = (authenticates: boolean, subresource: string) =>
        make(authenticates, clientRequest({ caller: alice, subresource })).hidesRefusal;
      assert.deepEqual(
        [hides(true, ''), hides(true, 'exec'), hides(true, 'proxy'), hides(false, '')],
        [true, true, false, false],
      );
      const endpoint = endpointWith({}, { context: 'prod' });
      for (const namesContext of [false, true]) {
        const request = make(false, clientRequest({ endpoint, mount: { namesContext } }));
        assert.equal(request.judgedFor, endpoint.identity);
        assert.equal(request.namesContext, namesContext);
        assert.equal(request.user, undefined);
      }
    });

    it('has method and target of the client, and the way of its leg', () => {
      const client = (appendsServerPath: boolean) =>
        clientRequest({ method: 'POST', target: '/api?a=b', mount: { appendsServerPath } });
      const { method, target, isBelowServerPath, connection, isRepeatable } = make(false, client(true));
      assert.deepEqual([method, target, isBelowServerPath], ['POST', '/api?a=b', true]);
      assert.deepEqual([connection, isRepeatable], [leg.connection, leg.isRepeatable]);
      assert.equal(make(false, client(false)).isBelowServerPath, false);
    });
  });
}
