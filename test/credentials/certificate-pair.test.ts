import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import {
  type CertificatePair as ClientCertificate,
  loadClientCertificate,
} from '../../src/credentials/certificate-pair.js';
import type { PemSource } from '../../src/kubeconfig/pem-source.js';
import {
  type CertificateAuthority,
  type CertificatePair,
  convertKey,
  createCertificateAuthority,
} from '../support/certificates/certificates.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();

const inline = (pem: string, origin: string): PemSource => ({ data: Buffer.from(pem), origin });

function load(pair: CertificatePair): ReturnType<typeof loadClientCertificate> {
  return loadClientCertificate({
    certificate: inline(pair.certificate, 'the certificate'),
    key: inline(pair.key, 'the key'),
  });
}

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
  let ca: CertificateAuthority;
  let pair: CertificatePair;
  before(async () => {
    ca = await createCertificateAuthority();
    pair = await ca.client({ commonName: 'me' });
  });

  for (const keyType of ['rsa2048', 'ec', 'ed25519'] as const) {
    it(`may have a key of the type ${keyType}`, async () => {
      const made = await ca.client({ keyType });
      const { certificate, key } = await loaded(made);
      assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)));
    });
  }

  it('may have its key as PKCS#1 or SEC1, with EC parameters before it, as openssl writes them', async () => {
    const rsa = await ca.client({ keyType: 'rsa2048' });
    const pkcs1 = convertKey(rsa.key, 'pkcs1');
    assert.match((await loaded({ ...rsa, key: pkcs1 })).key.toString(), /BEGIN RSA PRIVATE KEY/);
    const sec1 = convertKey(pair.key, 'sec1');
    assert.match((await loaded({ ...pair, key: sec1 })).key.toString(), /BEGIN EC PRIVATE KEY/);
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const { key } = await loaded({ ...pair, key: parameters + convertKey(pair.key, 'sec1') });
    assert.doesNotMatch(key.toString(), /PARAMETERS/);
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
    const result = await loadClientCertificate({ certificate: { file }, key: { file } });
    assert.ok('clientCertificate' in result, JSON.stringify(result));
    assert.match(result.clientCertificate.certificate.toString(), /^-----BEGIN CERTIFICATE-----/);
    assert.match(result.clientCertificate.key.toString(), /^-----BEGIN PRIVATE KEY-----/);
    assert.doesNotMatch(result.clientCertificate.certificate.toString(), /PRIVATE KEY/);
  });

  it('is rejected with the key of another certificate, even of one of its chain', async () => {
    const other = await ca.client();
    assert.deepEqual(await problemsOf({ ...pair, key: other.key }), [
      'the key does not match the certificate in the certificate',
    ]);
    const rsa = await ca.client({ keyType: 'rsa2048' });
    assert.equal((await problemsOf({ ...pair, key: rsa.key })).length, 1);
    const intermediate = await ca.intermediate();
    const chained = await intermediate.client();
    assert.equal((await problemsOf({ ...chained, key: intermediate.key })).length, 1);
  });

  it('is rejected with an encrypted key', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const lock = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' } as const;
    for (const type of ['pkcs1', 'pkcs8'] as const) {
      const key = privateKey.export({ type, ...lock }).toString();
      assert.deepEqual(await problemsOf({ ...pair, key }), [
        'the key is encrypted; store the key without a passphrase',
      ]);
    }
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
    assert.deepEqual(await loadClientCertificate({ certificate, key: { file: folder } }), {
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
