import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { ServingChain } from '../../../src/features/tls/serving-chain.js';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';

const root = await createCertificateAuthority({ commonName: 'root' });
const intermediate = await root.intermediate({ commonName: 'intermediate' });
const leaf = await root.server({ dns: ['gw.example', '*.apps.example'], ip: ['192.0.2.1', '2001:db8::1'] });
const below = await intermediate.server();
const other = await createCertificateAuthority({ commonName: 'root' });

const authorityOf = (...pem: string[]) => new ServingChain(Buffer.from(pem.join(''))).authority?.trim();

describe('the authority of a serving certificate', () => {
  it('is the self-signed certificate at the end of the chain, in any order', () => {
    const expected = root.certificate.trim();
    assert.equal(authorityOf(leaf.certificate, root.certificate), expected);
    assert.equal(authorityOf(below.certificate, root.certificate), expected);
    assert.equal(authorityOf(leaf.certificate, other.certificate, root.certificate), expected);
  });

  it('is the certificate itself if that is self-signed', () => {
    assert.equal(authorityOf(root.certificate), root.certificate.trim());
  });

  it('is unknown if the chain ends before it, or leads to another certificate of the same name', () => {
    assert.equal(authorityOf(leaf.certificate), undefined);
    assert.equal(authorityOf(below.certificate), undefined);
    assert.equal(authorityOf(leaf.certificate, other.certificate), undefined);
    assert.equal(authorityOf(leaf.certificate, intermediate.certificate), undefined);
  });
});

describe('a serving certificate', () => {
  it('is public if it leads to an authority that Node.js knows', () => {
    for (const known of rootCertificates) assert.ok(new ServingChain(Buffer.from(known)).isPublic, known);
  });

  it('is not public if its authority only has the name of a known one', async () => {
    const { issuer } = new X509Certificate(rootCertificates[0] as string);
    const commonName = /CN=(.*)/.exec(issuer)?.[1] ?? '';
    const impostor = await createCertificateAuthority({ commonName });
    const { certificate } = await impostor.server();
    for (const pem of [leaf.certificate, certificate, certificate + impostor.certificate]) {
      assert.ok(!new ServingChain(Buffer.from(pem)).isPublic);
    }
  });
});

it('a serving certificate is valid for its names and addresses', () => {
  const chain = new ServingChain(Buffer.from(leaf.certificate));
  for (const host of ['gw.example', 'x.apps.example', '192.0.2.1', '[2001:db8::1]']) {
    assert.ok(chain.isFor(host), host);
  }
  for (const host of ['evil.example', 'x.gw.example', '192.0.2.2', '[::1]', '']) {
    assert.ok(!chain.isFor(host), host);
  }
});
