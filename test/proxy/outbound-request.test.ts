import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Session } from '../../src/clusters/endpoint.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { bringsAuthorization, outboundRequest, type ProxyContext } from '../../src/proxy/outbound-request.js';
import type { RequestContext } from '../../src/request/context.js';

const session = {
  host: 'api.example',
  serverPath: '',
  credential: { authorization: 'Bearer own' },
  impersonation: [],
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

describe('an upstream request', () => {
  it('acts as its caller, without the caller’s credential', () => {
    const { headers } = outboundRequest(context(true), request(alice), session);
    assert.deepEqual(headers.slice(2, 4), ['Authorization', 'Bearer own']);
    assert.deepEqual(headers.slice(-4), ['Impersonate-User', 'alice', 'Impersonate-Group', 'dev']);
    assert.ok(!headers.includes('Bearer theirs'));
  });

  it('is not created without a user if callers are authenticated, even if a guard has failed', () => {
    assert.throws(
      () => outboundRequest(context(true), request(undefined), session),
      (error: unknown) => error instanceof StatusError && error.code === 500,
    );
  });

  it('has the client’s own credential if callers are not authenticated, and a 401 is then about that', () => {
    const { headers } = outboundRequest(context(false), request(undefined), session);
    assert.ok(headers.includes('Bearer theirs') && !headers.includes('Bearer own'));
    assert.equal(bringsAuthorization(context(false), request(undefined)), true);
    assert.equal(bringsAuthorization(context(true), request(alice)), false);
  });
});
