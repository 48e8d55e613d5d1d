import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { fetch } from 'undici';
import { WebSocket } from 'ws';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { twoUsers } from '../../support/identities/two-users.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startGateway } from '../../support/proxy/stack.js';

const origin = 'https://headlamp.example';
const server = await embeddedApiServer({ after });
const { proxy } = await startGateway(
  { after },
  {
    ...{ run: startInProcess, server, tokenFile: twoUsers },
    flags: ['--cors-allowed-origins=^https://headlamp\\.example$'],
  },
);

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
      const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('alice-token').toString('base64url')}`;
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
    const pod = '/api/v1/namespaces/default/pods/web-0';
    const channels = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io', 'channel.k8s.io'];
    const shell = open(`${pod}/exec?command=echo&command=hello&stdout=1&stderr=1`, ...channels);
    await eventually('what the shell writes', () => shell.messages.join('').includes('hello'));
    assert.equal(shell.socket.protocol, 'v5.channel.k8s.io');
  });
});
