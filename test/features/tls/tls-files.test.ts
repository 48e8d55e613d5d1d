import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { it } from 'node:test';
import { followTlsFiles } from '../../../src/features/tls/tls-files.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { until } from '../../support/eventually.js';
import { replaceWithFifo } from '../../support/fifo.js';
import { freshPath, replaceFile } from '../../support/replaced-file.js';
import { replacedWhenRead } from '../../support/replaced-when-read.js';

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

it('a certificate authority that comes right after the first reading is noticed', async t => {
  const [authority, next] = await Promise.all([createCertificateAuthority(), createCertificateAuthority()]);
  const pair = await authority.server();
  const names = { tlsCertFile: freshPath(), tlsPrivateKeyFile: freshPath(), clientCaFile: freshPath() };
  await writeFile(names.tlsCertFile, pair.certificate);
  await writeFile(names.tlsPrivateKeyFile, pair.key);
  await writeFile(names.clientCaFile, authority.certificate);
  const reloads: (readonly string[])[] = [];
  const followed = await replacedWhenRead(t, names.clientCaFile, next.certificate, () =>
    followTlsFiles(names, problems => reloads.push(problems), 5),
  );
  assert.ok('close' in followed);
  t.after(() => followed.close());
  const { clientAuthorities: first } = followed.current;
  await until(() => reloads.length === 1);
  assert.deepEqual(reloads, [[]]);
  assert.notDeepEqual(followed.current.clientAuthorities, first);
});
