import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { send } from '../clients/http-client.js';
import { collectText } from '../collected-text.js';
import { eventuallyPasses, until } from '../eventually.js';
import { startFakeApiServer } from '../fake-api-server/fake-api-server.js';
import { scriptArguments } from '../project.js';
import { createRandom } from '../random.js';
import { definitions } from './definitions.js';
import { ClusterLife } from './life.js';
import { clusterObjects } from './objects.js';

test("the demo's cluster changes by itself, the Pods of its default namespace too", async t => {
  const server = await startFakeApiServer({ seed: false, customResources: definitions });
  const random = createRandom(1);
  for (const object of clusterObjects(random)) server.write(object);
  assert.ok(server.version > 1_100, 'there are more than a hundred objects');
  const before = server.version;
  const podsBefore = server.list('v1', 'Pod', 'default');
  const life = new ClusterLife(server, random);
  t.after(async () => {
    life.close();
    await server.kill();
  });
  t.mock.timers.enable({ apis: ['setInterval'] });
  life.start();
  t.mock.timers.tick(60_000);
  assert.ok(server.version > before + 20, `${server.version - before} changes in a minute`);
  assert.notDeepEqual(server.list('v1', 'Pod', 'default'), podsBefore);
  const [backup] = server.list('storage.example.com/v1', 'Backup', 'shop');
  assert.notEqual(JSON.stringify(backup?.['status']), '{"phase":"Completed","progress":"100%"}');
});

test('the demo logs failures alone, so that what it has printed stays in sight, and serves what `kubectl explain` reads', async t => {
  const demo = spawn(process.execPath, [...scriptArguments('support/demo/demo'), '--port=0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(demo, 'close');
  t.after(async () => {
    demo.kill();
    await closed;
  });
  const [stdout, stderr] = [collectText(demo.stdout), collectText(demo.stderr)];
  const printed = () => stdout() + stderr();
  const [, port] = await eventuallyPasses(() => {
    return /Things to try:\n +http:\/\/127\.0\.0\.1:(\d+)/.exec(printed()) ?? assert.fail(printed());
  });
  for (let count = 0; count < 30; count++) {
    assert.equal((await send(Number(port), '/api/v1/pods?labelSelector=app%3Dweb')).status, 200);
  }
  const { paths } = JSON.parse((await send(Number(port), '/openapi/v3/api/v1')).text);
  const action = paths['/api/v1/namespaces/{namespace}/pods/{name}'].get;
  assert.equal(action['x-kubernetes-group-version-kind'].kind, 'Pod');
  const failed = await send(Number(port), '/api/v1/pods?labelSelector=app%3Dweb%3Dx');
  assert.equal(failed.status, 400);
  assert.match(failed.text, /unable to parse requirement/);
  // Lines are written in order, so those of the requests before would be there.
  await until(() => /"code":400/.test(printed()));
  assert.doesNotMatch(printed(), /"code":200/);
});
