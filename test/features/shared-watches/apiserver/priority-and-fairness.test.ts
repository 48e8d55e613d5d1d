import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { send } from '../../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { codesOf, configMaps, createUser, rejectAll } from '../../../support/kube-apiserver/rejected-user.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { patientClock } from '../../../support/patient-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { NumberedObjects } from './numbered-objects.js';
import { Reflector } from './reflector.js';

test('the clients of a shared watch notice nothing if priority and fairness answers 429 when the program opens it again', async (t, run) => {
  // In seconds: the API server ends each watch after once or twice this time.
  const { server } = await startOwnApiServer(t, run, { flags: ['--min-request-timeout=2'] });
  const user = await createUser(server);
  const kubeconfig = await server.kubeconfig({ commonName: user, organizations: [] });
  const args = [`--kubeconfig=${kubeconfig}`, '--reject-paths=', '--share-watches'];
  const proxy = await startInProcess(t, args, {}, { clock: patientClock });
  const objects = await NumberedObjects.in(server);
  const reflectors = Array.from({ length: 10 }, () => new Reflector(t, proxy.url + objects.path));
  const untilAll = (count: number) =>
    Promise.all(reflectors.map(reflector => reflector.until(count, 120_000)));
  await objects.create(server, 5);
  await untilAll(5);
  const accept = await rejectAll(t, server, user, proxy.port);
  for (const [query, codes] of [
    ['', [429]],
    ['&watch=true', [429]],
    // A watch that cannot be shared is sent once more, as the client's own.
    ['&watch=true&resourceVersion=1', [429, 429]],
  ] as const) {
    const id = randomUUID();
    const answer = await send(proxy.port, `${configMaps}?labelSelector=id%3D${id}${query}`);
    assert.equal(answer.status, 429);
    assert.match(answer.headers['retry-after'] ?? '', /^[1-9][0-9]*$/);
    assert.equal(answer.text, 'Too many requests, please try again later.\n');
    await eventuallyPasses(async () => assert.deepEqual(await codesOf(server, id), codes));
  }
  await eventually(
    'two rejections',
    async () => (await codesOf(server, objects.path)).filter(code => code === 429).length >= 2,
  );
  await objects.create(server, 5);
  await accept();
  await untilAll(10);
  for (const { lists, ends } of reflectors) assert.deepEqual([lists, ends], [1, []]);
});
