import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadCertificateAuthority } from '../../src/certificates/certificate-authority.js';
import { certificatesIn } from '../../src/certificates/pem.js';
import { readWhole } from '../../src/lib/read-file.js';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import { assertLinear } from '../support/growth.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();

describe('a certificate authority', () => {
  it('is read from a file or inline, with all its certificates, and without PEM blocks that are none', async () => {
    const [one, two] = await Promise.all([createCertificateAuthority(), createCertificateAuthority()]);
    const pem = `one\n${one.certificate}two\n${two.certificate}`;
    const file = join(folder, 'ca.crt');
    writeFileSync(file, pem);
    for (const source of [{ file }, { data: Buffer.from(pem) }]) {
      const result = await loadCertificateAuthority(source, readWhole);
      assert.ok('certificateAuthority' in result, JSON.stringify(result));
      assert.equal(result.certificateAuthority?.toString(), one.certificate + two.certificate);
    }
    const { certificate, key } = await createCertificateAuthority();
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const result = await loadCertificateAuthority(
      { data: Buffer.from(key + broken + certificate) },
      readWhole,
    );
    assert.ok('certificateAuthority' in result, JSON.stringify(result));
    assert.equal(result.certificateAuthority?.toString(), certificate);
  });

  it('is a problem if it has no certificate, or if its file cannot be read', async () => {
    const origin = 'certificate-authority-data of cluster "k" in FILE';
    assert.deepEqual(await loadCertificateAuthority({ data: Buffer.from('x'), origin }, readWhole), {
      problems: [`${origin} has no certificate`],
    });
    assert.deepEqual(await loadCertificateAuthority({ file: '/nowhere/ca.crt' }, readWhole), {
      problems: ['certificate-authority /nowhere/ca.crt: no such file'],
    });
  });

  it('is read in a time that grows with its length, whatever blocks begin and do not end', () => {
    for (const line of ['-----BEGIN CERTIFICATE-----\n', '-----BEGIN A-----END B-----BEGIN ', '-----']) {
      assertLinear(1_000_000, length => {
        const pem = Buffer.from(line.repeat(length / line.length));
        return () => assert.deepEqual(certificatesIn(pem), []);
      });
    }
  });
});
