import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type ClientOptions, WebSocket } from 'ws';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { startStack } from '../../support/proxy/stack.js';
import { type AttackRequest, assertStatus, type Leg, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const server = await embeddedApiServer({ after });
const start = (...flags: string[]) =>
  startStack(
    { after },
    {
      ...{ run: startInProcess, server },
      flags: ['--reject-paths=', '--cors-allowed-origins=^https://app\\.example$', ...flags],
    },
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
  ['Origin: http://127.0.0.1:9001'],
  ['Origin: null'],
  ['Origin:'],
  [sameOrigin, 'Origin: https://evil.example'],
  [sameOrigin, sameOrigin],
  ['oRiGiN: https://evil.example'],
  ['Origin: https://evil.example', 'Sec-Fetch-Site: same-origin'],
  ['Sec-Fetch-Site: cross-site'],
  [sameOrigin, 'Sec-Fetch-Site: cross-site'],
];
/** Header lines of requests from allowed pages and other programs. */
const friendly: readonly (readonly string[])[] = [
  [],
  [sameOrigin],
  [sameOrigin, 'Sec-Fetch-Site: same-origin'],
  ['Sec-Fetch-Site: none'],
  ['Sec-Fetch-Site: same-origin'],
  ['Origin: https://app.example', 'Sec-Fetch-Site: cross-site'],
];

const writes: readonly AttackRequest[] = [
  {
    method: 'POST',
    target: '/api/v1/namespaces/default/pods',
    headers: ['Content-Type: text/plain', 'Content-Length: 0'],
  },
  { method: 'DELETE', target: `${pod}-none` },
  { method: 'PATCH', target: `${pod}-none`, headers: ['Content-Length: 0'] },
  { method: 'POST', target: '/version', headers: ['Content-Length: 0'] },
  { target: '/api/v1/namespaces/default/services/web/proxy/delete' },
  { target: `${pod}/exec?command=id` },
  { target: `${pod}/%65xec?command=id` },
];
const upgrades: readonly AttackRequest[] = [
  { target: `${pod}/exec?command=id` },
  { method: 'POST', target: `${pod}/exec?command=id` },
  { target: `${pod}/attach` },
  { target: `${pod}/portforward?ports=80` },
  { target: `${pod}/log?follow=true` },
  { target: '/api/v1/pods?watch=true' },
  { target: '/version' },
];

const byLeg: readonly (readonly [Leg, readonly AttackRequest[]])[] = [
  ['plain', writes],
  ['websocket', upgrades],
  ['spdy', upgrades],
];

for (const [leg, requests] of byLeg) {
  describe(`a web page on the ${leg} leg`, () => {
    it('of another origin is rejected, with and without the filter', async () => {
      for (const proxy of [open, unfiltered]) {
        for (const headers of foreign) {
          for (const request of requests) {
            const all = { leg, ...request, host: [own], headers: [...(request.headers ?? []), ...headers] };
            const message = assertStatus(await send(proxy.port, all), 403, JSON.stringify(all));
            assert.match(message, /another (?:origin|site) may.*--cors-allowed-origins/);
          }
        }
      }
      assert.deepEqual(await reached(), []);
    });

    it('of the same origin or an allowed one is accepted, like programs that are not browsers', async () => {
      for (const headers of friendly) {
        for (const request of requests) {
          const before = (await reached()).length;
          const all = { leg, ...request, host: [own], headers: [...(request.headers ?? []), ...headers] };
          const connection = send(open.port, all);
          while ((await reached()).length === before) await new Promise(resolve => setTimeout(resolve, 2));
          void connection.catch(() => {});
          if (!/watch|follow|exec|attach|portforward/.test(request.target)) await connection;
        }
      }
      assert.equal((await reached()).length, friendly.length * requests.length);
    });
  });
}

describe('a web page', () => {
  it('may send reads if its browser does not say from which site, or without the filter, but sees no answers', async () => {
    for (const headers of foreign) {
      const isOtherSite = headers.some(line => /^Sec-Fetch-Site: (?!same-origin)/.test(line));
      for (const proxy of isOtherSite ? [unfiltered] : [open, unfiltered]) {
        const answer = await send(proxy.port, { target: pod, host: [own], headers });
        assert.equal(answer.code, 200, headers.join());
        assert.doesNotMatch(answer.raw, /access-control/i);
        assert.match(answer.raw, /cross-origin-resource-policy: same-origin/i);
      }
    }
  });

  it('behind a TLS terminator has the same origin if its browser says so', async () => {
    const https = 'Origin: https://gw.example';
    for (const [code, ...headers] of [
      [404, https, 'Sec-Fetch-Site: same-origin'],
      [403, https],
      [403, https, 'Sec-Fetch-Site: cross-site'],
      [403, 'Origin: https://evil.example', 'Sec-Fetch-Site: same-origin', 'X-Forwarded-Host: evil.example'],
    ] as const) {
      const request = { method: 'DELETE', target: `${pod}-none`, host: ['Host: gw.example'], headers };
      assertStatus(await send(open.port, request), code, headers.join());
    }
  });

  it('whose own name was pointed here is rejected by its host, because its origin is the same', async () => {
    const request = {
      target: `${pod}/exec`,
      host: ['Host: evil.example:8001'],
      headers: ['Origin: http://evil.example:8001'],
    };
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      assert.match(assertStatus(await send(open.port, { leg, ...request }), 403, leg), /--accept-hosts/);
    }
  });
});

/** Opens a WebSocket for a shell, like a page of this origin, and returns the result. */
async function openShell(proxy: RunningProgram, origin: string | undefined): Promise<string> {
  const options: ClientOptions = origin === undefined ? {} : { origin };
  const url = `${proxy.url.replace('http', 'ws')}${pod}/exec?command=echo&command=hello&stdout=true`;
  const socket = new WebSocket(url, ['v5.channel.k8s.io'], options);
  try {
    return await new Promise(resolve => {
      socket.once('open', () => resolve('open')).once('error', error => resolve(error.message));
    });
  } finally {
    socket.terminate();
  }
}

it('a WebSocket opens a shell only for pages of the same origin, allowed origins and programs', async () => {
  for (const proxy of [open, unfiltered]) {
    for (const origin of [undefined, proxy.url, 'https://app.example']) {
      assert.equal(await openShell(proxy, origin), 'open', origin);
    }
    for (const origin of [
      'https://evil.example',
      'null',
      `${proxy.url}0`,
      proxy.url.replace('127.0.0.1', 'localhost'),
    ]) {
      assert.match(await openShell(proxy, origin), /403/, origin);
    }
  }
});
