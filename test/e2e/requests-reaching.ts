import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { type Arrival, arrivalsAt, type EmbeddedApiServer } from '../support/embedded-api-server.js';
import type { FakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { type AttackRequest, assertStatus, send } from './leg.js';

/** The clients' requests that reached an API server since the test before. */
interface Reaching {
  readonly arrivals: () => Promise<Arrival[]>;
  /** As `METHOD target`. */
  readonly reached: () => Promise<string[]>;
  /** Asserts that the proxy answers a request with its own Status, and that none reaches the API server. */
  refused(
    proxy: { readonly port: number },
    code: number,
    request: AttackRequest,
    message: RegExp,
  ): Promise<void>;
}

/** Follows the requests of the file's tests. The server may start later, in a `before`. */
export function requestsReaching(server: () => EmbeddedApiServer | FakeApiServer): Reaching {
  let seen = 0;
  const all = async () => {
    const found = server();
    const arrivals = 'arrivals' in found ? await found.arrivals() : arrivalsAt(found);
    return arrivals.filter(({ userAgent }) => userAgent !== 'kube-api-proxy');
  };
  afterEach(async () => {
    seen = (await all()).length;
  });
  const arrivals = async () => (await all()).slice(seen);
  const reached = async () => (await arrivals()).map(({ method, target }) => `${method} ${target}`);
  return {
    arrivals,
    reached,
    async refused(proxy, code, request, message) {
      const what = JSON.stringify({ leg: 'plain', ...request });
      assert.match(assertStatus(await send(proxy.port, request), code, what), message, what);
      assert.deepEqual(await reached(), [], what);
    },
  };
}
