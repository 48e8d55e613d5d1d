import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { send } from '../support/clients/http-client.js';
import { eventuallyPasses } from '../support/eventually.js';
import { startFoundGateway, writeSecret } from '../support/found-clusters/found-gateway.js';
import { callersFlag } from '../support/proxy/callers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('callers are shown the found clusters that let them list namespaces, and readyz names no other one', async t => {
  const file = join(temporaryFolder(), 'callers.csv');
  await writeFile(file, 'of-jane,jane,,\n');
  const headers = { authorization: 'Bearer of-jane' };
  const callers = callersFlag(file);
  const open = await startFoundGateway(t, { flags: [callers] });
  const hiding = await startFoundGateway(t, {
    flags: [callers, '--cluster-access=list/namespaces', '--admin-port=0'],
  });
  for (const gateway of [open, hiding]) {
    gateway.write('east');
    writeSecret(gateway.home, 'west', 'no kubeconfig');
    await gateway.until('east', /"(?:unused|ready)"/, headers);
  }
  await open.until('west', /"failing"/, headers);
  const { text } = await send(open.proxy.port, '/-/readyz?verbose', { headers });
  assert.match(text, /fleet\.west: /);
  await eventuallyPasses(async () => {
    const { text } = await send(hiding.proxy.port, '/-/readyz?verbose', { headers });
    assert.match(text, /^warn: 1 of the clusters that were found cannot be used/m);
  });
  for (const path of ['/-/clusters', '/-/kubeconfig', '/-/readyz?verbose', '/clusters/fleet.none/api'])
    assert.doesNotMatch((await send(hiding.proxy.port, path, { headers })).text, /west/, path);
  assert.match((await send(hiding.proxy.port, '/-/clusters', { headers })).text, /"isComplete": false/);
});
