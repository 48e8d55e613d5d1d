import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { followTlsFiles } from '../../../src/server/listener/tls-files.js';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { until } from '../../support/eventually.js';

it('an incomplete pair leaves the last good one in use, and the complete pair is used', async t => {
  const files = await createServingFiles();
  const reloads: (readonly string[])[] = [];
  const followed = await followTlsFiles(
    { certificate: files.certificate, key: files.key, clientAuthorities: '' },
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
