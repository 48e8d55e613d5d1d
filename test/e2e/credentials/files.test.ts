import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CertificatePair } from '../../support/certificates/certificates.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { replaceWithFifo } from '../../support/fifo.js';
import { pollInterval, startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { replaceFile } from '../../support/replaced-file.js';
import { bothLegs, health, passed, probe, sample } from '../credential-probe.js';

interface Damage {
  readonly damage: (next: CertificatePair) => Promise<void>;
  readonly repair: (next: CertificatePair) => Promise<void>;
  /** The expected text of the log line. */
  readonly problem: RegExp;
}

/** What may happen to files, each in one step: a poll between the truncation and the write of a file would find another fault. */
function damagesOf(path: string, directory: string, intact: string): Readonly<Record<string, Damage>> {
  const [certificateFile, keyFile] = ['client.crt', 'client.key'].map(name => join(directory, name)) as [
    string,
    string,
  ];
  const writePair = async ({ certificate, key }: CertificatePair) => {
    await writeFile(certificateFile, certificate);
    await writeFile(keyFile, key);
  };
  const repair = async (next: CertificatePair) => {
    await writePair(next);
    await replaceFile(path, intact);
  };
  return {
    'a certificate whose key has not come yet': {
      damage: ({ certificate }) => replaceFile(certificateFile, certificate),
      repair: ({ key }) => replaceFile(keyFile, key),
      problem: /client\.key does not match the certificate in .*client\.crt/,
    },
    'a kubeconfig that is no longer YAML': {
      damage: () => replaceFile(path, `${intact}\n  broken: [secret-of-edit`),
      ...{ repair, problem: /config\.yaml/ },
    },
    'a kubeconfig that is a pipe without a writer': {
      damage: () => replaceWithFifo(path),
      ...{ repair, problem: /config\.yaml/ },
    },
  };
}

const server = await embeddedApiServer({ after });

for (const what of Object.keys(damagesOf('', '', ''))) {
  test(`${what} leaves the last good state in use, with one line in the log`, async t => {
    const [first, next] = await Promise.all([server.client('first'), server.client('next')]);
    const { path, directory } = await writeKubeconfig(
      { server: server.url, ca: server.authority.certificate, ...first },
      { credentials: 'files' },
    );
    const damages = damagesOf(path, directory, await readFile(path, 'utf8'));
    const { damage, repair, problem } = damages[what] as Damage;
    const proxy = await startInProcess(t, ['--kubeconfig', path, '--reject-paths=']);
    const complaints = () =>
      proxy.log().filter(({ msg }) => msg === 'configuration cannot be used; the last good one stays in use');
    const lastReload = () => sample(proxy, 'kube_api_proxy_config_last_reload_successful');
    const failures = () => sample(proxy, 'kube_api_proxy_config_reloads_total{result="failure"}');
    await damage(next);
    await eventually('the line', () => complaints().length > 0);
    const [{ problems, level } = assert.fail()] = complaints();
    assert.match(String(problems), problem);
    assert.ok(Number(level) >= 40, 'it is no warning');
    // Meanwhile it polls several times.
    await delay(4 * pollInterval);
    assert.equal(complaints().length, 1);
    assert.deepEqual([await failures(), await lastReload()], [1, 0]);
    for (const leg of bothLegs) {
      const found = await probe(proxy, server, leg);
      assert.deepEqual([found.code, found.user], [passed(leg), 'first']);
    }
    assert.equal((await health(proxy, 'readyz')).status, 200);
    await repair(next);
    await eventually('the next user', async () => (await probe(proxy, server)).user === 'next');
    await eventually('the gauge', async () => (await lastReload()) === 1);
    assert.doesNotMatch(proxy.stderr(), /secret-of-edit|PRIVATE KEY/);
  });
}
