import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tokenProtocol } from '../../../support/clients/header-lines.js';
import { RawWebSocket } from '../../../support/clients/websocket-client.js';
import { eventually } from '../../../support/eventually.js';
import { ownMetric } from '../../../support/proxy/own-metric.js';
import { startGateway, startStack } from '../../../support/proxy/stack.js';
import { WatchedNamespace } from '../../../support/proxy/watched-namespace.js';

/** The names of the objects in the messages. */
const namesIn = ({ frames }: RawWebSocket) =>
  frames.flatMap(({ opcode, payload }) =>
    opcode === 0x81 ? [JSON.parse(payload.toString()).object.metadata.name as string] : [],
  );

test('watches over WebSockets and plain ones of one user share one, however the user is known and whatever a dashboard sends, and others do not join them', async t => {
  const gateway = await startGateway(t, {
    ...{ tokenFile: 'ann-token,ann,,\nbob-token,bob,,\n', flags: ['--share-watches'] },
    server: { allow: () => true },
  });
  const { url } = gateway.proxy;
  const namespace = new WatchedNamespace(gateway);
  const target = namespace.target();
  const open = (fields: Readonly<Record<string, string | undefined>>) =>
    RawWebSocket.open(t, url + target, { fields: { Origin: url, ...fields } });
  const Authorization = 'Bearer ann-token';
  const plain = await namespace.watch({ headers: { Authorization, Accept: 'application/json' } });
  t.after(() => plain.close());
  const sockets = [
    await open({ Authorization }),
    await open({ 'Sec-WebSocket-Protocol': `${tokenProtocol('ann-token')}, base64.binary.k8s.io` }),
    await open({
      ...{ Authorization, Cookie: 'headlamp-auth-main.0=a', Connection: 'keep-alive, Upgrade' },
      ...{
        'Accept-Encoding': 'gzip, deflate, br, zstd',
        'Sec-Fetch-Site': 'same-origin',
        Pragma: 'no-cache',
      },
      ...{
        'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
        'X-Forwarded-Host': 'h',
      },
    }),
  ];
  for (const { head } of sockets) assert.match(head, /^HTTP\/1\.1 101 /);
  assert.match(sockets[1]?.head ?? '', /\r\nSec-WebSocket-Protocol: base64\.binary\.k8s\.io\r\n/);
  await namespace.untilUpstream(1);
  const [upstream] = namespace.upstream();
  for (const field of ['cookie', 'upgrade', 'origin', 'sec-websocket-key', 'sec-websocket-protocol'])
    assert.equal(upstream?.headers[field], undefined, field);
  const other = await open({ Authorization: 'Bearer bob-token' });
  await namespace.untilUpstream(2);
  namespace.write('seen');
  await plain.untilNamed('seen');
  for (const socket of [...sockets, other])
    await eventually('the event', () => namesIn(socket).includes('seen'));
  for (const socket of [...sockets, other]) socket.send(0x8);
  for (const socket of [...sockets, other]) {
    await eventually('the end', () => socket.ended === 'end');
    assert.equal(socket.bytes.subarray(-4).toString('hex'), '880203e8');
  }
  await eventually('the lines of the log', () => {
    const written = gateway.proxy.log().filter(({ code, endedBy }) => code === 101 && endedBy === 'client');
    assert.deepEqual(written.map(({ user }) => user).sort(), ['ann', 'ann', 'ann', 'bob']);
    return true;
  });
});

describe('a WebSocket joins no shared watch', () => {
  test('if its caller is a stranger, if its page is of another origin, or if its token is for the API server', async t => {
    const gateway = await startGateway(t, {
      ...{ tokenFile: 'ann-token,ann,,\n', flags: ['--share-watches'] },
      server: { allow: () => true },
    });
    const namespace = new WatchedNamespace(gateway);
    const Authorization = 'Bearer ann-token';
    const { url } = gateway.proxy;
    const plain = await namespace.watch({ headers: { Authorization } });
    t.after(() => plain.close());
    for (const [status, fields] of [
      [401, { Origin: url }],
      [401, { Origin: url, Authorization: 'Bearer other' }],
      [403, { Origin: 'https://evil.example', Authorization }],
      [403, { Origin: url, Authorization, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'websocket' }],
      [403, { Origin: url, Authorization, 'Impersonate-User': 'bob' }],
    ] as const) {
      const { head } = await RawWebSocket.open(t, url + namespace.target(), { fields });
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), JSON.stringify(fields));
    }
    assert.equal(namespace.upstream().length, 1);

    const open = await startStack(t, { flags: ['--share-watches'] });
    const other = new WatchedNamespace(open);
    const origin = open.proxy.url;
    for (const fields of [
      { Origin: origin, 'Sec-WebSocket-Protocol': tokenProtocol('of-the-client') },
      { Origin: origin, Authorization: 'Bearer of-the-client' },
      { Origin: origin, Cookie: 'a=b' },
    ])
      await RawWebSocket.open(t, origin + other.target(), { fields });
    assert.equal(await ownMetric(open.port, 'kube_api_proxy_shared_watch_joins_total{how="opened"}'), 0);
  });
});
