import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { fetch } from 'undici';
import { WebSocket } from 'ws';
import { tokenProtocol } from '../../support/clients/header-lines.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { encrypted, hasTls } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startGateway } from '../../support/proxy/stack.js';
import { type AttackRequest, assertStatus, send } from '../leg.js';

const origin = 'https://headlamp.example';
const server = await embeddedApiServer({ after });
const base = { server, tokenFile: twoUsers } as const;
const [{ proxy }, secure] = await Promise.all([
  startGateway({ after }, { ...base, flags: ['--cors-allowed-origins=^https://headlamp\\.example$'] }),
  startGateway({ after }, { ...base, ...(hasTls && { tls: true }) }),
]);
const pod = '/api/v1/namespaces/default/pods/web-0';

/** What Chromium and Headlamp's own server, which passes the browser's fields on, send with each request of its page. */
const browser = {
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept-Language': 'en-GB,en;q=0.9',
  'Sec-Fetch-Site': 'same-origin',
  Origin: origin,
  'X-Forwarded-Host': 'headlamp.example',
};

describe('Headlamp’s page', () => {
  it('lists objects, and reads what the API server says of them', async () => {
    const headers = {
      ...browser,
      ...{ 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty', Referer: `${origin}/c/main/pods` },
      ...{ Accept: 'application/json', 'Content-Type': 'application/json', cluster: 'main' },
      Authorization: 'Bearer alice-token',
    };
    const answer = await fetch(`${proxy.url}/api/v1/namespaces/default/pods?limit=2`, { headers });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.equal(answer.headers.get('access-control-allow-origin'), origin);
    for (const name of ['audit-id', 'cache-control', 'date']) assert.ok(answer.headers.has(name), name);
    assert.equal(((await answer.json()) as { kind: string }).kind, 'PodList');
    const refused = await fetch(`${proxy.url}/api/v1/secrets`, { headers });
    assert.equal(refused.status, 403);
    assert.equal(((await refused.json()) as { reason: string }).reason, 'Forbidden');
  });

  it('watches objects, and opens a shell, by WebSockets', async t => {
    const open = (target: string, ...protocols: string[]) => {
      const token = tokenProtocol('alice-token');
      const headers = { ...browser, 'Sec-Fetch-Mode': 'websocket', 'Sec-Fetch-Dest': 'empty' };
      const socket = new WebSocket(proxy.url.replace('http', 'ws') + target, [...protocols, token], {
        headers,
        origin,
      });
      t.after(() => socket.terminate());
      const messages: string[] = [];
      socket.on('message', data => messages.push(String(data)));
      return { socket, messages };
    };
    const watch = open('/api/v1/namespaces/default/pods?watch=1&resourceVersion=0', 'base64.binary.k8s.io');
    await eventually('an event', () => watch.messages.length > 0);
    assert.match(watch.messages[0] as string, /^{"type":"ADDED"/);
    const channels = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io', 'channel.k8s.io'];
    const shell = open(`${pod}/exec?command=echo&command=hello&stdout=1&stderr=1`, ...channels);
    await eventually('what the shell writes', () => shell.messages.join('').includes('hello'));
    assert.equal(shell.socket.protocol, 'v5.channel.k8s.io');
  });
});

const requests: readonly (AttackRequest & { readonly passes: number })[] = [
  { method: 'DELETE', target: `${pod}-none`, passes: 404 },
  { leg: 'websocket', target: `${pod}/exec?command=echo&command=hello&stdout=1&stderr=1`, passes: 101 },
  { leg: 'websocket', target: '/api/v1/namespaces/default/pods?watch=1&resourceVersion=0', passes: 101 },
];

describe('what a dashboard does for its page', () => {
  it(
    'works for a page of a local proxy of this program in front of a gateway, on each way up',
    encrypted,
    async () => {
      const { path } = await writeKubeconfig({
        server: `${hasTls ? 'https' : 'http'}://127.0.0.1:${secure.port}`,
        ...('ca' in secure && { ca: String(secure.ca) }),
        user: { token: 'alice-token' },
      });
      const local = await startInProcess({ after }, [`--kubeconfig=${path}`, '--reject-paths=']);
      const page = [`Origin: http://127.0.0.1:${local.port}`, 'Sec-Fetch-Site: same-origin'];
      const proxied = {
        method: 'POST',
        headers: ['Content-Length: 0'],
        target: `${pod}/proxy/`,
        passes: 200,
      };
      for (const { passes, headers = [], ...request } of [...requests, proxied]) {
        const host = [`Host: 127.0.0.1:${local.port}`];
        const answer = await send(local.port, { ...request, host, headers: [...page, ...headers] });
        assert.doesNotMatch(answer.body, /a web page of another/);
        assert.equal(answer.code, passes, answer.raw.slice(0, 500));
      }
      // Another page is refused by the local proxy itself.
      const evil = { ...requests[0], target: `${pod}-none`, headers: ['Origin: https://evil.example'] };
      assert.match(assertStatus(await send(local.port, evil), 403, 'evil'), /\("https:\/\/evil\.example"\)/);
    },
  );
});
