import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { loadKubeconfig } from '../../../src/kubeconfig/load.js';
import { send } from '../../support/clients/http-client.js';
import { startProxy } from '../../support/proxy/proxy.js';

/** A user that the system does not know, as in some Pods, and no HOME. */
const under = ['unshare', '--user', '--map-user=64321', '--map-group=64321', 'env', '-u', 'HOME'];
const works = spawnSync('unshare', [...under.slice(1), 'true']).status === 0;
const skip = works ? false : 'unshare cannot make a user';

test('the program serves as a user without a name and a home', { skip }, async t => {
  const proxy = await startProxy(['--server=http://127.0.0.1:1'], {}, under);
  t.after(() => proxy.stop('SIGKILL'));
  assert.equal((await send(proxy.port, '/-/livez')).status, 200);
});

test('a user without a home gets a problem that names the searched files', { skip }, async () => {
  await assert.rejects(startProxy([], {}, under), (error: Error) => {
    const [, output = ''] = error.message.split('the program ended with 1: ');
    assert.match(output, /^kube-api-proxy: .*\/\.kube\/config.*\n$/);
    return true;
  });
});

test('the kubeconfig of a user without a home is in the working directory, as in client-go', async () => {
  const loaded = await loadKubeconfig({ flag: '', env: undefined, homedir: '' }, async () => Buffer.alloc(0));
  assert.ok('kubeconfig' in loaded);
  assert.deepEqual(loaded.kubeconfig.files, [resolve('.kube/config')]);
});
