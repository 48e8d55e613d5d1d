import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fetch } from 'undici';
import { type ClientOptions, WebSocket } from 'ws';
import { anyApiServer } from '../../support/any-api-server.js';
import type { KubeconfigFile } from '../../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy, writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import { type AttackRequest, assertStatus, type Leg, send } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const server = await anyApiServer({ after });
let kubeconfig: KubeconfigFile;
let open: ProxyProcess;
let unfiltered: ProxyProcess;

before(async () => {
  kubeconfig = await writeAdminKubeconfig(server);
  const start = (...args: string[]) =>
    startProxy([
      `--kubeconfig=${kubeconfig.path}`,
      '--reject-paths=',
      '--cors-allowed-origins=^https://app\\.example$',
      ...args,
    ]);
  [open, unfiltered] = await Promise.all([
    start('--accept-hosts=^127\\.0\\.0\\.1$,^gw\\.example$'),
    start('--disable-filter'),
  ]);
});

after(async () => {
  await Promise.all([open, unfiltered].map(proxy => proxy.stop('SIGKILL')));
});

const { reached } = requestsReaching(() => server);

const pod = '/api/v1/namespaces/default/pods/web-0';
const own = 'Host: 127.0.0.1:8001';
const sameOrigin = 'Origin: http://127.0.0.1:8001';

/** Header lines of requests from pages that are not allowed. */
const foreign: readonly (readonly string[])[] = [
  ['Origin: https://evil.example'],
  ['Origin: http://127.0.0.1:9001'],
  ['Origin: http://localhost:8001'],
  ['Origin: https://127.0.0.1:8001'],
  ['Origin: https://app.example.evil.example'],
  ['Origin: http://127.0.0.1:8001.evil.example'],
  ['Origin: null'],
  ['Origin:'],
  ['Origin: http://127.0.0.1:8001/'],
  ['Origin: http://127.0.0.1:8001 https://evil.example'],
  [sameOrigin, 'Origin: https://evil.example'],
  [sameOrigin, sameOrigin],
  ['Origin: https://app.example', 'Origin: https://app.example'],
  ['oRiGiN: https://evil.example'],
  ['Origin: https://evil.example', 'Sec-Fetch-Site: same-origin'],
  ['Sec-Fetch-Site: cross-site'],
  ['Sec-Fetch-Site: same-site'],
  ['Sec-Fetch-Site: none', 'Sec-Fetch-Site: none'],
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
    const request = { method: 'DELETE', target: `${pod}-none`, host: ['Host: gw.example'] };
    const https = 'Origin: https://gw.example';
    assert.equal(
      (await send(open.port, { ...request, headers: [https, 'Sec-Fetch-Site: same-origin'] })).code,
      404,
    );
    for (const headers of [[https], [https, 'Sec-Fetch-Site: cross-site'], [https, 'Sec-Fetch-Site: none']]) {
      assertStatus(await send(open.port, { ...request, headers }), 403, headers.join());
    }
    const evil = [
      'Origin: https://evil.example',
      'Sec-Fetch-Site: same-origin',
      'X-Forwarded-Host: evil.example',
    ];
    assertStatus(await send(open.port, { ...request, headers: evil }), 403, 'evil');
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
async function openShell(proxy: ProxyProcess, origin: string | undefined): Promise<string> {
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

it("a POST of text/plain, for which browsers send no preflight, does not reach the API server from another origin's page", async () => {
  const post = (origin: string) =>
    fetch(`${open.url}/api/v1/namespaces/default/configmaps`, {
      method: 'POST',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'from-a-page' } }),
      headers: { 'content-type': 'text/plain', origin },
    });
  assert.equal((await post('https://evil.example')).status, 403);
  assert.deepEqual(await reached(), []);
  await post(open.url);
  assert.equal((await reached()).length, 1);
});
