import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CertificatePair } from '../../support/certificates/certificates.js';
import { type AnyApiServer, embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import {
  type RunningProgram as Program,
  pollInterval,
  startInProcess,
} from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { startProxy } from '../../support/proxy/proxy.js';
import { replaceFile } from '../../support/replaced-file.js';
import { bothLegs, health, openAttach, openWatch, passed, probe, sample } from '../credential-probe.js';
import { createVolume } from './volume.js';

const day = 86_400_000;

const reloads = (result: string) => `kube_api_proxy_config_reloads_total{result="${result}"}`;
const lastReload = 'kube_api_proxy_config_last_reload_successful';
const certificateExpiry = 'kube_api_proxy_client_certificate_expiration_timestamp_seconds';

interface Setting {
  readonly server: AnyApiServer;
  /** The kubeconfig, with ca.crt, client.crt and client.key next to it. */
  readonly path: string;
  readonly directory: string;
  /** A client certificate of the server's authority. */
  certificate(commonName: string, notAfter?: Date): Promise<CertificatePair>;
}

/** A kubeconfig whose user `first` has a certificate in files; more fields of the user take the place of that. */
async function set(t: TestContext, user?: Readonly<Record<string, string>>): Promise<Setting> {
  const server = await embeddedApiServer(t);
  const certificate = (commonName: string, notAfter = new Date(Date.now() + 30 * day)) =>
    server.client(commonName, { notAfter });
  const credential = user === undefined ? await certificate('first') : { user };
  const { path, directory } = await writeKubeconfig(
    { server: server.url, ca: server.authority.certificate, ...credential },
    { credentials: 'files' },
  );
  return { server, path, directory, certificate };
}

/** Waits until requests of both legs arrive as this user. */
async function arrivesAs(proxy: Program, server: AnyApiServer, name: string): Promise<void> {
  await eventually(`${name} in use`, async () => (await probe(proxy, server)).user === name);
  for (const leg of bothLegs) {
    const { code, user } = await probe(proxy, server, leg);
    assert.deepEqual([code, user], [passed(leg), name]);
  }
}

function complaints(proxy: Program): Record<string, unknown>[] {
  return proxy
    .log()
    .filter(({ msg }) => msg === 'configuration cannot be used; the last good one stays in use');
}

/** Writes certificate and key in place. */
async function inPlace(directory: string, { certificate, key }: CertificatePair): Promise<void> {
  await writeFile(join(directory, 'client.crt'), certificate);
  await writeFile(join(directory, 'client.key'), key);
}

describe('files that rotate', { concurrency: 6 }, () => {
  test('certificate and key swapped like a Kubernetes volume are used within 10 s, and open streams continue', async t => {
    const { server, path, directory, certificate } = await set(t, {
      'client-certificate': 'volume/client.crt',
      'client-key': 'volume/client.key',
    });
    const write = createVolume(join(directory, 'volume'));
    const swap = (pair: CertificatePair) => write({ 'client.crt': pair.certificate, 'client.key': pair.key });
    await swap(await certificate('first'));
    const proxy = await startProxy(['--kubeconfig', path, '--reject-paths=']);
    t.after(() => proxy.stop('SIGKILL'));
    const watch = await openWatch(proxy, server);
    const streams = [watch, await openAttach(proxy)];
    t.after(() => {
      for (const stream of streams) stream.close();
    });
    assert.equal((await probe(proxy, server)).user, 'first');
    const expires = new Date(Math.floor(Date.now() / 1000) * 1000 + 17 * day);
    await swap(await certificate('second', expires));
    await arrivesAs(proxy, server, 'second');
    assert.equal(await sample(proxy, certificateExpiry), expires.getTime() / 1000);
    assert.equal(await sample(proxy, lastReload), 1);
    assert.ok(((await sample(proxy, reloads('success'))) ?? 0) >= 1);
    for (const stream of streams) await stream.isAlive();
    const watching = (await server.arrivals()).filter(({ target }) => target === watch.target);
    assert.deepEqual(
      watching.map(({ user }) => user?.username),
      ['first'],
    );
    await eventually('the line', () => proxy.log().some(({ msg }) => msg === 'configuration reloaded'));
  });

  interface Damage {
    readonly damage: (setting: Setting, next: CertificatePair) => Promise<void>;
    readonly repair: (setting: Setting, next: CertificatePair) => Promise<void>;
    /** The expected text of the log line. */
    readonly problem: RegExp;
  }
  let intact = '';
  const repairConfig = async ({ directory, path }: Setting, next: CertificatePair) => {
    await inPlace(directory, next);
    await writeFile(path, intact);
  };
  // Each in one step: a poll between the truncation and the write of a file would find another fault.
  const damages: Readonly<Record<string, Damage>> = {
    'a certificate whose key has not come yet': {
      damage: ({ directory }, { certificate }) => replaceFile(join(directory, 'client.crt'), certificate),
      repair: ({ directory }, { key }) => replaceFile(join(directory, 'client.key'), key),
      problem: /client\.key does not match the certificate in .*client\.crt/,
    },
    'a CA file that is gone': {
      damage: ({ directory }) => rename(join(directory, 'ca.crt'), join(directory, 'ca.away')),
      repair: async ({ directory }, next) => {
        await inPlace(directory, next);
        await rename(join(directory, 'ca.away'), join(directory, 'ca.crt'));
      },
      problem: /ca\.crt: no such file/,
    },
    'a kubeconfig that is no longer YAML': {
      damage: async ({ path }) =>
        replaceFile(path, `${await readFile(path, 'utf8')}\n  broken: [secret-of-edit`),
      ...{ repair: repairConfig, problem: /config\.yaml/ },
    },
    'a kubeconfig that is gone': {
      damage: ({ path }) => rm(path),
      ...{ repair: repairConfig, problem: /config\.yaml: no such file/ },
    },
    'an empty kubeconfig': {
      damage: ({ path }) => replaceFile(path, ''),
      ...{ repair: repairConfig, problem: /config\.yaml/ },
    },
  };
  test('that are damaged leave the last good state in use, with one line in the log', async t => {
    const setting = await set(t);
    const { server, path, certificate } = setting;
    intact = await readFile(path, 'utf8');
    const proxy = await startInProcess(t, ['--kubeconfig', path, '--reject-paths=']);
    let user = 'first';
    for (const [index, [what, { damage, repair, problem }]] of Object.entries(damages).entries()) {
      const next = await certificate(`user-${index}`);
      // The repair before it took two steps, and there may be a line about the time between them.
      const before = complaints(proxy).length;
      const failed = (await sample(proxy, reloads('failure'))) ?? 0;
      await damage(setting, next);
      await eventually(`the line about ${what}`, () => complaints(proxy).length > before);
      const { problems, level } = complaints(proxy)[before] ?? {};
      assert.match(String(problems), problem);
      assert.ok(Number(level) >= 40, 'it is no warning');
      // Meanwhile it polls several times.
      await delay(4 * pollInterval);
      assert.equal(complaints(proxy).length, before + 1, what);
      assert.equal(await sample(proxy, reloads('failure')), failed + 1);
      assert.equal(await sample(proxy, lastReload), 0);
      for (const leg of bothLegs) {
        const found = await probe(proxy, server, leg);
        assert.deepEqual([found.code, found.user], [passed(leg), user], what);
      }
      assert.equal((await health(proxy, 'readyz')).status, 200);
      await repair(setting, next);
      user = `user-${index}`;
      await arrivesAs(proxy, server, user);
      await eventually('the gauge', async () => (await sample(proxy, lastReload)) === 1);
    }
    assert.doesNotMatch(proxy.stderr(), /secret-of-edit|PRIVATE KEY/);
  });
});
