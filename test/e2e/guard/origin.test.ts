import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { startStack } from '../../support/proxy/stack.js';
import { type AttackRequest, assertStatus, type Leg, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const server = await embeddedApiServer({ after });
const start = (...flags: string[]) =>
  startStack(
    { after },
    { ...{ server }, flags: ['--reject-paths=', '--cors-allowed-origins=^https://app\\.example$', ...flags] },
  );
const [{ proxy: open }, { proxy: unfiltered }] = await Promise.all([
  start('--accept-hosts=^127\\.0\\.0\\.1$,^gw\\.example$'),
  start('--disable-filter'),
]);

const { reached } = requestsReaching(() => server);

const pod = '/api/v1/namespaces/default/pods/web-0';
const own = 'Host: 127.0.0.1:8001';
const sameOrigin = 'Origin: http://127.0.0.1:8001';

/** Header lines of requests from pages that are not allowed; test/guard/origin.test.ts has all spellings. */
const foreign: readonly (readonly string[])[] = [
  ['Origin: https://evil.example'],
  ['Origin: null'],
  [sameOrigin, 'Origin: https://evil.example'],
  ['Sec-Fetch-Site: cross-site'],
];
const writes: readonly AttackRequest[] = [
  {
    method: 'POST',
    target: '/api/v1/namespaces/default/pods',
    headers: ['Content-Type: text/plain', 'Content-Length: 0'],
  },
  { target: '/api/v1/namespaces/default/services/web/proxy/delete' },
  { target: `${pod}/exec?command=id` },
];
const upgrades: readonly AttackRequest[] = [
  { target: `${pod}/exec?command=id` },
  { target: '/api/v1/pods?watch=true' },
];

const byLeg: readonly (readonly [Leg, readonly AttackRequest[]])[] = [
  ['plain', writes],
  ['websocket', upgrades],
  ['spdy', upgrades],
];

for (const [leg, requests] of byLeg) {
  it(`a web page of another origin is rejected on the ${leg} leg, with and without the filter`, async () => {
    for (const proxy of [open, unfiltered]) {
      for (const headers of foreign) {
        for (const request of requests) {
          const all = { leg, ...request, host: [own], headers: [...(request.headers ?? []), ...headers] };
          const message = assertStatus(await send(proxy.port, all), 403, JSON.stringify(all));
          assert.match(message, /another (?:origin|site)(?: \(".*"\))? may.*--cors-allowed-origins/);
        }
      }
    }
    assert.deepEqual(await reached(), []);
  });
}
