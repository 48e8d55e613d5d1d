import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { convertKey, createCertificateAuthority } from './certificates.js';

test('a client certificate has the user in CN and every group in O, unchanged', async () => {
  const authority = await createCertificateAuthority();
  const pair = await authority.client({ commonName: 'a+b, "c"', organizations: ['g1', 'system:masters'] });
  const { subject } = new X509Certificate(pair.certificate).toLegacyObject();
  const { CN, O } = subject as { CN?: string; O?: string | string[] };
  assert.equal(CN, 'a+b, "c"');
  assert.deepEqual(O, ['g1', 'system:masters']);
});

test('each key type makes a certificate that matches its key and that its authority has signed', async () => {
  const authority = await createCertificateAuthority();
  const issuer = new X509Certificate(authority.certificate);
  const types = { rsa2048: 'rsa', ec: 'ec', ed25519: 'ed25519' } as const;
  for (const [keyType, name] of Object.entries(types)) {
    const pair = await authority.client({ keyType: keyType as keyof typeof types });
    const certificate = new X509Certificate(pair.certificate);
    assert.equal(certificate.publicKey.asymmetricKeyType, name);
    assert.ok(certificate.checkPrivateKey(createPrivateKey(pair.key)));
    assert.ok(certificate.verify(issuer.publicKey));
    assert.match(pair.key, /^-----BEGIN PRIVATE KEY-----\n/);
  }
});

test('a server certificate names localhost and the loopback addresses, or only the requested names', async () => {
  const authority = await createCertificateAuthority();
  const loopback = new X509Certificate((await authority.server()).certificate);
  assert.ok(loopback.checkHost('localhost'));
  assert.ok(loopback.checkIP('127.0.0.1'));
  assert.ok(loopback.checkIP('::1'));
  const other = new X509Certificate((await authority.server({ dns: ['api.example'] })).certificate);
  assert.ok(other.checkHost('api.example'));
  assert.equal(other.checkIP('127.0.0.1'), undefined);
});

test('an intermediate authority issues a chain that starts with the leaf and ends before the root', async () => {
  const root = await createCertificateAuthority({ commonName: 'root' });
  const intermediate = await root.intermediate({ commonName: 'middle', keyType: 'rsa2048' });
  const { certificate } = await intermediate.server();
  const [leaf, issuer, ...rest] = certificate
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map(pem => new X509Certificate(pem));
  assert.ok(leaf && issuer && rest.length === 0);
  assert.ok(leaf.verify(issuer.publicKey));
  assert.ok(issuer.verify(new X509Certificate(root.certificate).publicKey));
  assert.equal(issuer.subject, 'CN=middle');
});

test('the validity may be in the past', async () => {
  const authority = await createCertificateAuthority();
  const notAfter = new Date('2020-01-02T00:00:00Z');
  const pair = await authority.client({ notBefore: new Date('2020-01-01T00:00:00Z'), notAfter });
  assert.equal(Date.parse(new X509Certificate(pair.certificate).validTo), notAfter.getTime());
});

test('the older PEM forms contain the same key', async () => {
  const authority = await createCertificateAuthority();
  const ec = await authority.client({ keyType: 'ec' });
  const rsa = await authority.client({ keyType: 'rsa2048' });
  const sec1 = convertKey(ec.key, 'sec1');
  const pkcs1 = convertKey(rsa.key, 'pkcs1');
  assert.match(sec1, /^-----BEGIN EC PRIVATE KEY-----/);
  assert.match(pkcs1, /^-----BEGIN RSA PRIVATE KEY-----/);
  assert.ok(createPrivateKey(sec1).equals(createPrivateKey(ec.key)));
  assert.ok(createPrivateKey(pkcs1).equals(createPrivateKey(rsa.key)));
});

test('a kubeconfig contains its PEM inline, or in files next to it that only the owner can read', async () => {
  const contents = { server: 'https://127.0.0.1:1', ca: 'CA', certificate: 'CERT', key: 'KEY', token: 'T' };
  const inline = await writeKubeconfig(contents, { format: 'json' });
  const files = await writeKubeconfig(contents, { credentials: 'files' });
  const data = JSON.parse(await readFile(inline.path, 'utf8'));
  assert.equal(data.clusters[0].cluster['certificate-authority-data'], Buffer.from('CA').toString('base64'));
  assert.equal(data.users[0].user.token, 'T');
  const { users } = parse(await readFile(files.path, 'utf8'));
  const key = join(files.directory, users[0].user['client-key']);
  assert.equal(await readFile(key, 'utf8'), 'KEY');
  assert.equal((await stat(key)).mode & 0o777, 0o600);
});
