import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'undici';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';

/** Opens a watch as Headlamp does: the token is one of the subprotocols. */
async function openSocket(gateway: FilteringGateway, token: string, query: string) {
  const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
  const url = `${gateway.url.replace('http', 'ws')}/api/v1/namespaces?watch=1${query}`;
  const socket = new WebSocket(url, {
    protocols: ['base64.binary.k8s.io', bearer],
    // As a browser. The API server refuses a WebSocket without it.
    headers: { origin: gateway.url },
  });
  const events: string[] = [];
  let text = '';
  let isOver = false;
  socket.addEventListener('message', ({ data }) => {
    text += data;
    const { type, object } = JSON.parse(data as string);
    events.push(`${type} ${object.metadata?.name ?? object.code}`);
  });
  socket.addEventListener('close', () => {
    isOver = true;
  });
  await Promise.race([once(socket as never, 'open'), once(socket as never, 'error')]);
  return {
    events,
    text: () => text,
    isOver: () => isOver,
    protocol: socket.protocol,
    close: () => socket.close(),
  };
}

test('a watch as a WebSocket shows the same as a plain one', async (t, server) => {
  const gateway = await FilteringGateway.start(t, server, { users: ['ann', 'boss'] });
  await gateway.letListAll('boss');
  const [later, hidden] = [await gateway.namespace('later'), await gateway.namespace('secret')];
  const own = await gateway.namespaceOf('ann', 'own');
  const { metadata } = JSON.parse((await gateway.ask('ann', '/api/v1/namespaces')).text);
  const socket = await openSocket(gateway, 'ann', '');
  const resumed = await openSocket(gateway, 'ann', `&resourceVersion=${metadata.resourceVersion}`);
  const expired = await openSocket(gateway, 'ann', '&resourceVersion=1');
  const bosss = await openSocket(gateway, 'boss', '');
  assert.equal(socket.protocol, 'base64.binary.k8s.io');
  await eventually('it begins', () => socket.events.includes(`ADDED ${own}`));
  const unbind = await gateway.bind(later, gateway.user('ann'));
  await eventually('both show it', () =>
    [socket, resumed].every(({ events }) => events.includes(`ADDED ${later}`)),
  );
  await unbind();
  await eventually('both hide it', () =>
    [socket, resumed].every(({ events }) => events.includes(`DELETED ${later}`)),
  );
  await eventually('one who may list all gets all', () => bosss.events.includes(`ADDED ${hidden}`));
  await eventually('an unknown version ends', () => expired.isOver());
  assert.deepEqual(expired.events, ['ERROR 410']);
  for (const { text, close } of [socket, resumed]) {
    assert.doesNotMatch(text(), /secret/);
    close();
  }
  const gauge = async () => /filtered_watches (\d+)/.exec((await gateway.ask('ann', '/-/metrics')).text)?.[1];
  await eventually('nothing is left', async () => (await gauge()) === '0');
  bosss.close();
});
