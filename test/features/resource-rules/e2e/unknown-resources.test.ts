import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { anyApiServer } from '../../../support/any-api-server.js';
import { send } from '../../../support/clients/http-client.js';
import { eventually } from '../../../support/eventually.js';
import type { KubeconfigFile } from '../../../support/proxy/kubeconfig-file.js';
import { startProxy, writeAdminKubeconfig } from '../../../support/proxy/proxy.js';

const server = await anyApiServer({ after });
let admin: KubeconfigFile;

before(async () => {
  admin = await writeAdminKubeconfig(server);
});

test('the log and readyz name misspelt entries of --reject-resources, and readyz passes', async t => {
  const proxy = await startProxy([
    `--kubeconfig=${admin.path}`,
    '--reject-resources=secretz,pods/exce,configmaps',
  ]);
  t.after(() => proxy.stop('SIGKILL'));
  const warned = () => proxy.log().filter(({ msg }) => /--reject-resources/.test(String(msg)));
  await eventually('the warnings', () => warned().length >= 2);
  assert.deepEqual(
    warned().map(({ level, resource }) => [level, resource]),
    [
      [40, 'secretz'],
      [40, 'pods/exce'],
    ],
  );
  const { status, text } = await send(proxy.port, '/-/readyz?verbose');
  assert.equal(status, 200);
  assert.match(
    text,
    /\nwarn: --reject-resources: the API server has no secretz\nwarn: --reject-resources: the API server has no pods\/exce\nreadyz check passed\n$/,
  );
  assert.equal((await send(proxy.port, '/-/readyz')).text, 'ok');
});
