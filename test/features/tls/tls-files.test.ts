import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { it } from 'node:test';
import { followTlsFiles } from '../../../src/features/tls/tls-files.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { until } from '../../support/eventually.js';
import { replaceWithFifo } from '../../support/fifo.js';
import { freshPath, replaceFile } from '../../support/replaced-file.js';

it('an incomplete pair leaves the last good one in use, and the complete pair is used', async t => {
  const files = await createServingFiles();
  const reloads: (readonly string[])[] = [];
  const followed = await followTlsFiles(
    { tlsCertFile: files.certificate, tlsPrivateKeyFile: files.key, clientCaFile: '' },
    problems => reloads.push(problems),
    5,
  );
  assert.ok('current' in followed);
  t.after(() => followed.close());
  const first = await readFile(files.certificate, 'utf8');
  const next = await files.authority.server();
  for (const half of [next.certificate.slice(0, 200), next.certificate, '']) {
    const told = reloads.length;
    // In one step, because a file is empty for a moment while it is written, and the proxy would report that instead.
    await files.replace('tls.crt', half);
    await until(() => reloads.length > told);
    assert.ok((reloads.at(-1) ?? []).length > 0, `${half.length} bytes are no pair with the other key`);
    assert.equal(followed.current.pair.certificate.toString(), first);
  }
  assert.match(
    reloads.flat().join('\n'),
    /--tls-private-key-file \S+ does not match the certificate in --tls-cert-file/,
  );
  assert.doesNotMatch(reloads.flat().join('\n'), /BEGIN|PRIVATE KEY-/);
  await files.write(next);
  await until(() => followed.current.pair.certificate.toString() === next.certificate);
  assert.deepEqual(reloads.at(-1), []);
});

it('each of the files may become a pipe, which is not read, and a regular file again', async t => {
  const authority = await createCertificateAuthority();
  const pair = await authority.server();
  const names = { tlsCertFile: freshPath(), tlsPrivateKeyFile: freshPath(), clientCaFile: freshPath() };
  const contents = {
    tlsCertFile: pair.certificate,
    tlsPrivateKeyFile: pair.key,
    clientCaFile: authority.certificate,
  };
  for (const key of ['tlsCertFile', 'tlsPrivateKeyFile', 'clientCaFile'] as const)
    await writeFile(names[key], contents[key]);
  const reloads: (readonly string[])[] = [];
  const followed = await followTlsFiles(names, problems => reloads.push(problems), 5);
  assert.ok('close' in followed);
  t.after(() => followed.close());
  for (const key of ['tlsCertFile', 'tlsPrivateKeyFile', 'clientCaFile'] as const) {
    const before = reloads.length;
    await replaceWithFifo(names[key]);
    await until(() => reloads.length === before + 1);
    assert.match(reloads.at(-1)?.[0] ?? '', /is a pipe that no program writes to$/);
    await replaceFile(names[key], contents[key]);
    await until(() => reloads.length === before + 2);
    assert.deepEqual(reloads.at(-1), []);
  }
});
