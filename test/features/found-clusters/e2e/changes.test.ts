import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { type Leg, send } from '../../../e2e/leg.js';
import { eventually } from '../../../support/eventually.js';
import { startFoundGateway } from '../../../support/found-clusters/found-gateway.js';
import type { Scope } from '../../../support/scope.js';

const pods = '/api/v1/namespaces/default/pods';

/** A server that accepts connections, and never says anything. */
async function startSilentServer(scope: Scope) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer(socket => sockets.add(socket.on('error', () => {})));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, sockets };
}

test('requests that wait for a connection end with 503 when the Secret names another server, and go on after another credential', async t => {
  const silent = await startSilentServer(t);
  const { found, proxy, write, path, until } = await startFoundGateway(t);
  const url = `https://127.0.0.1:${silent.port}`;
  write('east', { url });
  await until('east', new RegExp(`${silent.port}`));
  const codes: number[] = [];
  const waiting = (
    [
      ['plain', pods],
      ['plain', `${pods}?watch=1`],
      ['websocket', `${pods}/web-0/exec?command=true&stdout=true`],
    ] as const satisfies readonly (readonly [Leg, string])[]
  ).map(async ([leg, target]) => {
    const { code, headers } = await send(proxy.port, { leg, target: path('east') + target });
    codes.push(code);
    return [code, headers.get('retry-after')];
  });
  await eventually('all wait', () => silent.sockets.size === 3);
  write('east', { url, user: { token: 'another' } });
  write('other');
  await until('other', /unused/);
  assert.deepEqual(codes, []);
  write('east');
  assert.deepEqual(await Promise.all(waiting), [
    [503, '1'],
    [503, '1'],
    [503, '1'],
  ]);
  await until('east', new RegExp(`${found.port}`));
  assert.equal((await send(proxy.port, { target: path('east') + pods })).code, 200);
});
