import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { type EmbeddedApiServer, embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { bothLegs, openAttach, openWatch, passed, probe, sample } from '../credential-probe.js';
import { assertStatus } from '../leg.js';
import { createVolume } from './volume.js';

const masters = ['system:masters'];
/** Twice the time in milliseconds within which the built program uses a change, for a busy machine. */
const promised = 20_000;

/** A kubeconfig's user that impersonates with every field. */
const asJane = {
  token: 'one',
  as: 'jane@example.com',
  'as-uid': '4-2',
  'as-groups': ['system:masters', 'Ops team'],
  'as-user-extra': { reason: ['first', 'second'], 'Acme.com/Role%x': ['viewer'] },
};

/** An API server with the users one and two, whose tokens are their names. */
function startServer(t: TestContext): Promise<EmbeddedApiServer> {
  const users = ['one', 'two'].map(name => [name, { username: name, groups: masters }] as const);
  return embeddedApiServer(t, { tokens: Object.fromEntries(users) });
}

// The tests wait for files and renewals at the same time.
describe('the identity of the program', { concurrency: true }, () => {
  test('is the impersonation of the kubeconfig, which no Impersonate-* header of a client escapes', async t => {
    const server = await startServer(t);
    const known = { server: server.url, ca: server.authority.certificate };
    const { path } = await writeKubeconfig({ ...known, user: asJane });
    const proxy = await startInProcess(t, ['--kubeconfig', path, '--reject-paths=']);
    // test/guard/claimed-identity.test.ts has all names.
    const attempts = [
      ...[['impersonate-user: root'], ['iMpErSoNaTe-GrOuP: system:masters'], ['Impersonate-User:']],
      ...[['Impersonate-Whatever-Comes: x'], ['Connection: Impersonate-User', 'Impersonate-User: root']],
    ];
    for (const leg of bothLegs) {
      for (const headers of attempts) {
        const { answer, arrived } = await probe(proxy, server, leg, { headers });
        assert.match(assertStatus(answer, 403, headers.join()), /Impersonate-\* headers are not accepted/);
        assert.equal(arrived.length, 0, headers.join());
      }
      const { code, user, arrived } = await probe(proxy, server, leg);
      assert.deepEqual([code, user], [passed(leg), 'one']);
      assert.deepEqual(arrived.at(-1)?.impersonated, {
        username: 'jane@example.com',
        uid: '4-2',
        groups: ['system:masters', 'Ops team', 'system:authenticated'],
        extra: { reason: ['first', 'second'], 'acme.com/role%x': ['viewer'] },
      });
    }
    const rejected = 'kube_api_proxy_rejected_requests_total{reason="impersonation"}';
    assert.equal(await sample(proxy, rejected), 2 * attempts.length);
  });

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
    const server = await startServer(t);
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
