import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { helm } from '../../support/documents/helm.js';
import { test } from '../../support/kube-apiserver/api-server-test.js';
import { account, chart, Release } from './gateway-release/release.js';

test('an upgrade, a rollback and a new installation of the chart keep the newest certificate, and the notes say when its names are wrong', async (t, server) => {
  if (helm(['version']).code !== 0) return t.skip('helm is not in PATH');
  const release = await Release.prepare(server);
  release.helm('install', 'gw', chart, '--set=callers.mode=everyone');
  const first = await release.certificate();
  const upgrade = ['upgrade', 'gw', chart, '--set=callers.mode=everyone'];
  assert.doesNotMatch(release.helm(...upgrade, '--set=auditLog=false'), /WARNING: the certificate/);
  assert.deepEqual(await release.certificate(), first);
  const renamed = [...upgrade, '--set=publicURL=https://gw.example'];
  assert.match(
    release.helm(...renamed),
    /WARNING: the certificate is for .*localhost,127\.0\.0\.1,\n.*,gw\.example\. Make/,
  );
  assert.deepEqual(await release.certificate(), first);

  await server.admin.do('DELETE', `/api/v1/namespaces/${release.namespace}/secrets/${account}-tls`);
  assert.doesNotMatch(release.helm(...renamed), /WARNING: the certificate/);
  const second = await release.certificate();
  assert.notEqual(second['tls.key'], first['tls.key']);
  const certificate = Buffer.from(second['tls.crt'] ?? '', 'base64').toString();
  assert.ok(certificate.endsWith(Buffer.from(second['ca.crt'] ?? '', 'base64').toString()));
  const { subjectAltName, validTo } = new X509Certificate(certificate);
  assert.match(subjectAltName ?? '', /DNS:localhost, .*DNS:gw\.example, IP Address:127\.0\.0\.1/);
  assert.ok(Date.parse(validTo) > Date.now() + 3640 * 86_400_000);

  // Past the certificate that was made again, to the release that made the first one.
  const isAuditing = async () => JSON.stringify(await release.arguments()).includes('--audit-log-path');
  assert.equal(await isAuditing(), true);
  for (const [revision, audits] of [
    ['1', true],
    ['2', false],
    ['4', true],
  ] as const) {
    release.helm('rollback', 'gw', revision);
    assert.equal(await isAuditing(), audits, revision);
    assert.deepEqual(await release.certificate(), second, revision);
  }
  release.helm(...upgrade);
  assert.deepEqual(await release.certificate(), second);
  // Clients trust it still when the gateway comes again.
  release.helm('uninstall', 'gw');
  release.helm('install', 'gw', chart, '--set=callers.mode=everyone');
  assert.deepEqual(await release.certificate(), second);
});

test('an upgrade keeps a certificate that was one of the objects of a release, and a later one keeps it too', async (t, server) => {
  if (helm(['version']).code !== 0) return t.skip('helm is not in PATH');
  const release = await Release.prepare(server);
  const before = join(release.folder, 'chart');
  await cp(chart, before, { recursive: true });
  const template = join(before, 'templates', 'tls.yaml');
  const text = await readFile(template, 'utf8');
  await writeFile(template, text.replace(/^ +helm\.sh\/(?:hook|resource-policy): .*\n/gm, ''));
  release.helm('install', 'gw', before, '--set=callers.mode=everyone');
  const first = await release.certificate();
  for (let count = 0; count < 2; count++) {
    release.helm('upgrade', 'gw', chart, '--set=callers.mode=everyone');
    assert.deepEqual(await release.certificate(), first);
  }
});
