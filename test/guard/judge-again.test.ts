import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoint } from '../../src/clusters/endpoint.js';
import { judgeAgain } from '../../src/guard/chain.js';
import type { RequestContext } from '../../src/request/context.js';

function endpointOf(context: string, { hostname = 'api.example', as = '', path = '' } = {}): Endpoint {
  return {
    context,
    config: {
      server: { protocol: 'https:', hostname, port: 443, path },
      insecureSkipTlsVerify: false,
      ...(as !== '' && { impersonation: { user: as } }),
    },
  } as unknown as Endpoint;
}

function judge(now: Endpoint, { namesContext = false, rawHeaders = [] as string[] } = {}): void {
  const request = { endpoint: endpointOf('dev'), raw: { rawHeaders }, mount: { namesContext } };
  judgeAgain(request as unknown as RequestContext, now);
}

const claimed = { rawHeaders: ['Impersonate-User', 'root'] };

describe('a request whose endpoint was replaced while it waited', () => {
  it('goes to the same server with the new credential', () => {
    judge(endpointOf('dev'));
    judge(endpointOf('dev'), { namesContext: true });
    judge(endpointOf('dev'), claimed);
    judge(endpointOf('dev', { as: 'jane' }));
  });

  it('goes to the current context at / even if that has changed, if its server is the same', () => {
    judge(endpointOf('admin'));
  });

  it('does not go to another server, or to another path of the server', () => {
    for (const namesContext of [false, true]) {
      assert.throws(() => judge(endpointOf('dev', { hostname: 'other.example' }), { namesContext }), {
        code: 503,
      });
      assert.throws(() => judge(endpointOf('dev', { path: '/k8s' }), { namesContext }), { code: 503 });
    }
  });

  it('does not go to the same server as the user of a context that its path does not name', () => {
    assert.throws(() => judge(endpointOf('admin'), { namesContext: true }), {
      code: 503,
      retryAfterSeconds: 1,
    });
  });

  it('may not impersonate if the proxy itself now impersonates', () => {
    assert.throws(() => judge(endpointOf('dev', { as: 'jane' }), claimed), {
      code: 403,
      reason: 'impersonation',
    });
  });
});
