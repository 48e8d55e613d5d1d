import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Session } from '../../src/clusters/endpoint.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { bringsAuthorization, outboundRequest, type ProxyContext } from '../../src/proxy/outbound-request.js';
import type { RequestContext } from '../../src/request/context.js';

const session = {
  ...{ host: 'api.example', serverPath: '', credential: { authorization: 'Bearer own' }, impersonation: [] },
} as unknown as Session;

function request(caller: RequestContext['caller']): RequestContext {
  return {
    mount: { appendsServerPath: false },
    target: { raw: '/api' },
    raw: {
      rawHeaders: ['Authorization', 'Bearer theirs'],
      socket: { remoteAddress: '192.0.2.1' },
    },
    record: { origin: { requestId: '1' } },
    caller,
  } as unknown as RequestContext;
}

function context(authenticates: boolean): ProxyContext {
  return { authenticates } as ProxyContext;
}

const alice = { username: 'alice', uid: undefined, groups: ['dev'], extra: new Map() };

describe('a request on its way upstream', () => {
  it('acts as its caller, with nothing of the caller’s credential', () => {
    const { headers } = outboundRequest(context(true), request(alice), session);
    assert.deepEqual(headers.slice(2, 4), ['Authorization', 'Bearer own']);
    assert.deepEqual(headers.slice(-4), ['Impersonate-User', 'alice', 'Impersonate-Group', 'dev']);
    assert.ok(!headers.includes('Bearer theirs'));
  });

  it('is not made for nobody where callers are authenticated, whatever let it come so far', () => {
    assert.throws(
      () => outboundRequest(context(true), request(undefined), session),
      (error: unknown) => error instanceof StatusError && error.code === 500,
    );
  });

  it('has the client’s own credential where nobody is asked, and then a 401 is about that', () => {
    const { headers } = outboundRequest(context(false), request(undefined), session);
    assert.ok(headers.includes('Bearer theirs') && !headers.includes('Bearer own'));
    assert.equal(bringsAuthorization(context(false), request(undefined)), true);
    assert.equal(bringsAuthorization(context(true), request(alice)), false);
  });
});
