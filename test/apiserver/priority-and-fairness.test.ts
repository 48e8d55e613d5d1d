import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { send as sendOn } from '../e2e/leg.js';
import { send } from '../support/clients/http-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { codesOf, configMaps, createUser, rejectAll } from '../support/kube-apiserver/rejected-user.js';
import { startOwnApiServer } from '../support/kube-apiserver/run.js';
import { startProxy } from '../support/proxy/proxy.js';

test('a 429 of priority and fairness reaches clients unchanged, and the program does not ask again', async (t, run) => {
  const { server } = await startOwnApiServer(t, run);
  const user = await createUser(server);
  const kubeconfig = await server.kubeconfig({ commonName: user, organizations: [] });
  const proxy = await startProxy([`--kubeconfig=${kubeconfig}`, '--reject-paths=']);
  t.after(() => proxy.stop('SIGKILL'));
  const { port } = proxy;
  assert.equal((await send(port, configMaps)).status, 200);
  await rejectAll(t, server, user, port);
  for (const query of ['', '&watch=true', '&watch=true&resourceVersion=1']) {
    const id = randomUUID();
    const answer = await send(port, `${configMaps}?labelSelector=id%3D${id}${query}`);
    assert.equal(answer.status, 429);
    assert.match(answer.headers['retry-after'] ?? '', /^[1-9][0-9]*$/);
    assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(answer.text, 'Too many requests, please try again later.\n');
    await eventuallyPasses(async () => assert.deepEqual(await codesOf(server, id), [429]));
  }
  const id = randomUUID();
  const upgrade = { leg: 'websocket', target: `${configMaps}?watch=true&labelSelector=id%3D${id}` } as const;
  const answer = await sendOn(port, upgrade);
  assert.equal(answer.code, 429, answer.raw);
  assert.match(answer.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/);
  await eventuallyPasses(async () => assert.deepEqual(await codesOf(server, id), [429]));
});
