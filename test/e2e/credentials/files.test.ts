import assert from 'node:assert/strict';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
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

test('files that are damaged leave the last good state in use, with one line in the log', async t => {
  const server = await embeddedApiServer(t);
  const { path, directory } = await writeKubeconfig(
    { server: server.url, ca: server.authority.certificate, ...(await server.client('first')) },
    { credentials: 'files' },
  );
  const intact = await readFile(path, 'utf8');
  const [ca, certificateFile, keyFile] = ['ca.crt', 'client.crt', 'client.key'].map(name =>
    join(directory, name),
  ) as [string, string, string];
  const writePair = async ({ certificate, key }: CertificatePair) => {
    await writeFile(certificateFile, certificate);
    await writeFile(keyFile, key);
  };
  const repairConfig = async (next: CertificatePair) => {
    await writePair(next);
    await replaceFile(path, intact);
  };
  // Each in one step: a poll between the truncation and the write of a file would find another fault.
  const damages: Readonly<Record<string, Damage>> = {
    'a certificate whose key has not come yet': {
      damage: ({ certificate }) => replaceFile(certificateFile, certificate),
      repair: ({ key }) => replaceFile(keyFile, key),
      problem: /client\.key does not match the certificate in .*client\.crt/,
    },
    'a CA file that is gone': {
      damage: () => rename(ca, `${ca}.away`),
      repair: async next => {
        await writePair(next);
        await rename(`${ca}.away`, ca);
      },
      problem: /ca\.crt: no such file/,
    },
    'a kubeconfig that is no longer YAML': {
      damage: () => replaceFile(path, `${intact}\n  broken: [secret-of-edit`),
      ...{ repair: repairConfig, problem: /config\.yaml/ },
    },
    'a kubeconfig that is gone': {
      damage: () => rm(path),
      ...{ repair: repairConfig, problem: /config\.yaml: no such file/ },
    },
    'an empty kubeconfig': {
      damage: () => replaceFile(path, ''),
      ...{ repair: repairConfig, problem: /config\.yaml/ },
    },
    'a kubeconfig that is a pipe without a writer': {
      damage: () => replaceWithFifo(path),
      ...{ repair: repairConfig, problem: /config\.yaml/ },
    },
  };
  const proxy = await startInProcess(t, ['--kubeconfig', path, '--reject-paths=']);
  const complaints = () =>
    proxy.log().filter(({ msg }) => msg === 'configuration cannot be used; the last good one stays in use');
  const lastReload = () => sample(proxy, 'kube_api_proxy_config_last_reload_successful');
  const failures = () => sample(proxy, 'kube_api_proxy_config_reloads_total{result="failure"}');
  let user = 'first';
  for (const [index, [what, { damage, repair, problem }]] of Object.entries(damages).entries()) {
    const next = await server.client(`user-${index}`);
    // The repair before it took two steps, and there may be a line about the time between them, which may come late.
    const before = (await failures()) ?? 0;
    await eventually('the lines before', () => complaints().length === before);
    await damage(next);
    await eventually(`the line about ${what}`, () => complaints().length > before);
    const { problems, level } = complaints()[before] ?? {};
    assert.match(String(problems), problem);
    assert.ok(Number(level) >= 40, 'it is no warning');
    // Meanwhile it polls several times.
    await delay(4 * pollInterval);
    assert.equal(complaints().length, before + 1, what);
    assert.deepEqual([await failures(), await lastReload()], [before + 1, 0]);
    for (const leg of bothLegs) {
      const found = await probe(proxy, server, leg);
      assert.deepEqual([found.code, found.user], [passed(leg), user], what);
    }
    assert.equal((await health(proxy, 'readyz')).status, 200);
    await repair(next);
    user = `user-${index}`;
    await eventually(`${user} in use`, async () => (await probe(proxy, server)).user === user);
    await eventually('the gauge', async () => (await lastReload()) === 1);
  }
  assert.doesNotMatch(proxy.stderr(), /secret-of-edit|PRIVATE KEY/);
});
