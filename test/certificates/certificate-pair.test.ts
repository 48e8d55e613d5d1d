import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type CertificatePair as ClientCertificate,
  loadClientCertificate,
} from '../../src/certificates/certificate-pair.js';
import type { PemSource } from '../../src/kubeconfig/pem-source.js';
import { readWhole } from '../../src/lib/read-file.js';
import {
  type CertificatePair,
  convertKey,
  createCertificateAuthority,
} from '../support/certificates/certificates.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const ca = await createCertificateAuthority();
const pair = await ca.client({ commonName: 'me' });

const inline = (pem: string, origin: string): PemSource => ({ data: Buffer.from(pem), origin });

const load = (pair: CertificatePair) =>
  loadClientCertificate(
    { certificate: inline(pair.certificate, 'the certificate'), key: inline(pair.key, 'the key') },
    readWhole,
  );

async function loaded(pair: CertificatePair): Promise<ClientCertificate> {
  const result = await load(pair);
  assert.ok('clientCertificate' in result, JSON.stringify(result));
  return result.clientCertificate;
}

async function problemsOf(pair: CertificatePair): Promise<readonly string[]> {
  const result = await load(pair);
  assert.ok('problems' in result, 'problems were expected');
  return result.problems;
}

describe('a client certificate', () => {
  it('may have a key of any type, as PKCS#8, PKCS#1 or SEC1, with EC parameters before it, as openssl writes them', async () => {
    const rsa = await ca.client({ keyType: 'rsa2048' });
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const sec1 = convertKey(pair.key, 'sec1');
    for (const [made, header] of [
      [rsa, 'PRIVATE KEY'],
      [pair, 'PRIVATE KEY'],
      [await ca.client({ keyType: 'ed25519' }), 'PRIVATE KEY'],
      [{ ...rsa, key: convertKey(rsa.key, 'pkcs1') }, 'RSA PRIVATE KEY'],
      [{ ...pair, key: sec1 }, 'EC PRIVATE KEY'],
      [{ ...pair, key: parameters + sec1 }, 'EC PRIVATE KEY'],
    ] as const) {
      const { certificate, key } = await loaded(made);
      assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)));
      assert.ok(key.toString().startsWith(`-----BEGIN ${header}-----`), key.toString());
    }
  });

  it('keeps its chain in order, and reports when its first certificate expires, even in the past', async () => {
    const intermediate = await ca.intermediate();
    const chained = await intermediate.client({ commonName: 'leaf' });
    const { certificate } = await loaded(chained);
    assert.equal(certificate.toString().match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.match(new X509Certificate(certificate).subject, /CN=leaf/);
    const notAfter = new Date('2021-03-04T05:06:07Z');
    const expired = await ca.client({ notBefore: new Date('2020-01-01T00:00:00Z'), notAfter });
    assert.deepEqual((await loaded(expired)).notAfter, notAfter);
  });

  it('may be in one file with its key, with text and CRLF around them', async () => {
    const file = join(folder, 'combined.pem');
    const text = `subject: me\n${pair.key}\nissuer: x\n${pair.certificate}`.replaceAll('\n', '\r\n');
    writeFileSync(file, text);
    const result = await loadClientCertificate({ certificate: { file }, key: { file } }, readWhole);
    assert.ok('clientCertificate' in result, JSON.stringify(result));
    const { certificate, key } = result.clientCertificate;
    assert.match(certificate.toString(), /^-----BEGIN CERTIFICATE-----/);
    assert.match(key.toString(), /^-----BEGIN PRIVATE KEY-----/);
    assert.doesNotMatch(certificate.toString(), /PRIVATE KEY/);
  });

  it('is rejected with the key of another certificate, even of one of its chain', async () => {
    const intermediate = await ca.intermediate();
    for (const [certificate, { key }] of [
      [pair, await ca.client()],
      [pair, await ca.client({ keyType: 'rsa2048' })],
      [await intermediate.client(), intermediate],
    ] as const) {
      const problem = 'the key does not match the certificate in the certificate';
      assert.deepEqual(await problemsOf({ ...certificate, key }), [problem]);
    }
  });

  it('is rejected with an encrypted key', async () => {
    for (const type of ['pkcs1', 'pkcs8'] as const) {
      const key = createPrivateKey((await ca.client({ keyType: 'rsa2048' })).key)
        .export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' })
        .toString();
      const problem = 'the key is encrypted; store the key without a passphrase';
      assert.deepEqual(await problemsOf({ ...pair, key }), [problem]);
    }
  });

  it('is rejected with an RSA key whose handshakes would hold everything up', async () => {
    const keyOf = (bits: number) => {
      const [n, d] = [randomBytes(bits / 8), randomBytes(bits / 8)];
      n[0] = 0xff;
      const half = { p: d, q: d, dp: d, dq: d, qi: d };
      const numbers = Object.entries({ n, d, ...half }).map(([name, value]) => [
        name,
        value.toString('base64url'),
      ]);
      const key = { kty: 'RSA', e: 'AQAB', ...Object.fromEntries(numbers) };
      return createPrivateKey({ key, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }).toString();
    };
    const problem = 'the key is an RSA key of more than 8192 bits';
    assert.deepEqual(await problemsOf({ ...pair, key: keyOf(8_200) }), [problem]);
    assert.match((await problemsOf({ ...pair, key: keyOf(8_192) })).join(), /does not match/);
  });

  it('is rejected if one part is missing or malformed; both are named at once', async () => {
    assert.deepEqual(await problemsOf({ certificate: 'x', key: '' }), [
      'the certificate has no certificate',
      'the key has no private key',
    ]);
    const damage = (pem: string): string => pem.replace(/\n[A-Za-z0-9+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
    assert.deepEqual(await problemsOf({ certificate: damage(pair.certificate), key: damage(pair.key) }), [
      'the certificate: certificate 1 of 1 is malformed',
      'the key: the private key is malformed',
    ]);
    assert.deepEqual(
      await problemsOf({ ...pair, certificate: pair.certificate + damage(pair.certificate) }),
      ['the certificate: certificate 2 of 2 is malformed'],
    );
  });

  it('names missing files and folders with their purpose, and is rejected if its key is too short for TLS', async () => {
    const certificate = { file: join(folder, 'none.crt') };
    assert.deepEqual(await loadClientCertificate({ certificate, key: { file: folder } }, readWhole), {
      problems: [
        `client-certificate ${folder}/none.crt: no such file`,
        `client-key ${folder}: is a directory`,
      ],
    });
    assert.deepEqual(await problemsOf(await ca.client({ keyType: 'rsa512' })), [
      'the certificate cannot be used for TLS: ee key too small',
    ]);
  });
});
