import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { type FakeApiServer, startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import {
  bothLegs,
  health,
  type OpenStream,
  openAttach,
  openWatch,
  type Probe,
  passed,
  probe,
  sample,
} from '../credential-probe.js';
import { createVolume } from './volume.js';

const masters = ['system:masters'];

type Fields = Readonly<Record<string, unknown>>;

/** The text of a kubeconfig with this user, beside ca.crt. */
async function kubeconfig({ url }: FakeApiServer, user: Fields): Promise<string> {
  const beside = { 'certificate-authority': 'ca.crt' };
  return readFile((await writeKubeconfig({ server: url, cluster: beside, user })).path, 'utf8');
}

test('everything rotates under running watches and open streams, which live on, and new requests use the new identity', async t => {
  const directory = temporaryFolder();
  const tokens = Object.fromEntries(
    ['token-1', 'token-2'].map(name => [name, { username: name, groups: masters }]),
  );
  const [first, second] = await Promise.all(
    [1, 2].map(() => startFakeApiServer({ clientCertificates: 'optional', tokens })),
  );
  assert.ok(first && second);
  const rotate = createVolume(directory);
  const one = await first.authority.client({ commonName: 'one' });
  const fromFiles = { 'client-certificate': 'client.crt', 'client-key': 'client.key', tokenFile: 'token' };
  await rotate({
    config: await kubeconfig(first, fromFiles),
    'ca.crt': first.authority.certificate,
    'client.crt': one.certificate,
    'client.key': one.key,
    token: 'token-1',
  });
  const proxy = await startInProcess(t, ['--kubeconfig', join(directory, 'config'), '--reject-paths=']);
  const streams: OpenStream[] = [];
  t.after(async () => {
    for (const stream of streams) stream.close();
    await proxy.stop();
    await Promise.all([first.kill(), second.kill()]);
  });

  /** Waits until requests on both legs have the new identity, checks every stream and opens two more. */
  const arrive = async (server: FakeApiServer, what: string, identity: (found: Probe) => unknown[]) => {
    const expected = what.split(' ');
    const isThere = async () => {
      const found = await probe(proxy, server);
      assert.equal(found.code, 200, `${what}: ${found.answer.raw.slice(0, 500)}`);
      return found.arrived.length > 0 && identity(found).join(' ') === what;
    };
    await eventually(what, isThere);
    for (const leg of bothLegs) {
      const found = await probe(proxy, server, leg);
      assert.equal(found.code, passed(leg));
      assert.deepEqual(identity(found), expected);
    }
    for (const stream of streams) await stream.isAlive();
    streams.push(await openWatch(proxy, server), await openAttach(proxy));
    assert.equal((await health(proxy, 'readyz')).status, 200);
  };

  await arrive(first, 'one token-1', bearerAndName);

  // Certificate, key and token.
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 17 * 86_400_000);
  const two = await first.authority.client({ commonName: 'two', notAfter });
  await rotate({
    config: await kubeconfig(first, fromFiles),
    'ca.crt': first.authority.certificate,
    'client.crt': two.certificate,
    'client.key': two.key,
    token: 'token-2',
  });
  await arrive(first, 'two token-2', bearerAndName);
  const expiry = 'kube_api_proxy_client_certificate_expiration_timestamp_seconds';
  assert.equal(await sample(proxy, expiry), notAfter.getTime() / 1000);
  assert.ok(proxy.log().some(({ msg }) => msg === 'configuration reloaded'));

  // Another API server, its authority, a certificate of that, and impersonation.
  const three = await second.authority.client({ commonName: 'three' });
  const files = { 'client.crt': three.certificate, 'client.key': three.key, token: 'token-2' };
  const authority = { 'ca.crt': second.authority.certificate };
  await rotate({
    config: await kubeconfig(second, { ...fromFiles, as: 'jane', 'as-groups': masters }),
    ...files,
    ...authority,
  });
  await arrive(second, 'three token-2 jane', found => [
    ...bearerAndName(found),
    found.arrived[0]?.headers['impersonate-user'],
  ]);

  assert.equal(streams.length, 6);
  for (const stream of streams) await stream.isAlive();
  const { requests } = first;
  const lasting = requests.filter(({ rawUrl }) => /watch=true|\/attach/.test(rawUrl));
  assert.deepEqual(
    lasting.map(({ tlsSubject, closedAt }) => [tlsSubject?.commonName, closedAt]),
    ['one', 'one', 'two', 'two'].map(name => [name, undefined]),
  );
  assert.equal(await sample(proxy, 'kube_api_proxy_config_reloads_total{result="success"}'), 2);
  assert.equal(await sample(proxy, 'kube_api_proxy_config_reloads_total{result="failure"}'), 0);
  assert.equal(await sample(proxy, 'kube_api_proxy_config_last_reload_successful'), 1);
  const worse = proxy.log().filter(({ level }) => Number(level) >= 50);
  assert.deepEqual(worse, []);
});

function bearerAndName({ commonName, authorization }: Probe): unknown[] {
  return [commonName, authorization?.slice('Bearer '.length)];
}
