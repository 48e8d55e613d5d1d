import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { bothLegs, openAttach, openWatch, passed, probe } from '../credential-probe.js';
import { createVolume } from './volume.js';

const masters = ['system:masters'];
/** Twice the time in milliseconds within which the built program uses a change, for a busy machine. */
const promised = 20_000;

describe('the identity of the program', () => {
  const script = `mount -t tmpfs tmpfs /var/run/ &&
mkdir -p /var/run/secrets/kubernetes.io/serviceaccount &&
mount --bind "$MOUNT" /var/run/secrets/kubernetes.io/serviceaccount &&
exec "$@"`;
  const unshare = ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'];
  const canMount =
    spawnSync(unshare[0] as string, [...unshare.slice(1), 'true'], {
      env: { ...process.env, MOUNT: tmpdir() },
    }).status === 0;

  test('is the service account in a Pod, whose token is read again while open streams continue', {
    skip: canMount ? false : 'no file system can be mounted here',
  }, async t => {
    const users = ['one', 'two'].map(name => [name, { username: name, groups: masters }] as const);
    const server = await embeddedApiServer(t, { tokens: Object.fromEntries(users) });
    const mount = temporaryFolder();
    const write = createVolume(mount);
    const rotate = (token: string) => write({ token, 'ca.crt': server.authority.certificate });
    await rotate('one');
    const env = {
      ...{ HOME: temporaryFolder(), MOUNT: mount, KUBERNETES_SERVICE_HOST: '127.0.0.1' },
      KUBERNETES_SERVICE_PORT: new URL(server.url).port,
    };
    const proxy = await startProxy(['--reject-paths='], env, unshare);
    t.after(() => proxy.stop('SIGKILL'));
    for (const leg of bothLegs) {
      const { code, user } = await probe(proxy, server, leg);
      assert.deepEqual([code, user], [passed(leg), 'one']);
    }
    const streams = [await openWatch(proxy, server), await openAttach(proxy)];
    t.after(() => {
      for (const stream of streams) stream.close();
    });
    await rotate('two');
    await eventually('the second token', async () => (await probe(proxy, server)).user === 'two', promised);
    assert.equal((await probe(proxy, server, 'websocket')).user, 'two');
    for (const stream of streams) await stream.isAlive();
  });
});
