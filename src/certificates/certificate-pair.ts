import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { PemSource } from '../kubeconfig/pem-source.js';
import type { ReadFile } from '../lib/read-file.js';
import { type PemDocument, readPem } from './pem.js';

type Result<T> = { readonly value: T } | { readonly problem: string };

/** A certificate and the key that matches it. */
export interface CertificatePair {
  /** PEM: the certificate first, then its chain. */
  readonly certificate: Buffer;
  /** PEM, not encrypted. */
  readonly key: Buffer;
  /** When the first certificate expires. This may be in the past. */
  readonly notAfter: Date;
}

/** The names of the two files in messages, such as `client-certificate` or a flag. */
interface PairNames {
  readonly certificate: string;
  readonly key: string;
}

/** Of an RSA key, as in Go's crypto/tls: a handshake with one of 16,384 bits holds up all requests for a second. */
const mostBits = 8_192;

/**
 * Reads a certificate with its chain, and its key (RSA, EC or Ed25519; PKCS#1, SEC1 or PKCS#8). The key must match the first certificate.
 * One file may contain both. An expired certificate is not a problem here: see `notAfter`.
 */
export async function loadCertificatePair(
  sources: { readonly certificate: PemSource; readonly key: PemSource },
  names: PairNames,
  read: ReadFile,
): Promise<{ readonly pair: CertificatePair } | { readonly problems: readonly string[] }> {
  const [certificatePem, keyPem] = await Promise.all([
    readPem(sources.certificate, names.certificate, read),
    readPem(sources.key, names.key, read),
  ]);
  const chain = 'problem' in certificatePem ? certificatePem : readChain(certificatePem);
  const key = 'problem' in keyPem ? keyPem : readKey(keyPem);
  if ('problem' in chain || 'problem' in key || 'problem' in certificatePem || 'problem' in keyPem) {
    return { problems: [chain, key].flatMap(result => ('problem' in result ? [result.problem] : [])) };
  }
  const { leaf, pem } = chain.value;
  if (!leaf.checkPrivateKey(key.value.key)) {
    return { problems: [`${keyPem.name} does not match the certificate in ${certificatePem.name}`] };
  }
  const pair = {
    certificate: Buffer.from(pem),
    key: Buffer.from(key.value.pem),
    notAfter: new Date(leaf.validTo),
  };
  const refusal = whyTlsRefuses(pair);
  if (refusal !== undefined)
    return { problems: [`${certificatePem.name} cannot be used for TLS: ${refusal}`] };
  return { pair };
}

function readChain(document: PemDocument): Result<{ readonly leaf: X509Certificate; readonly pem: string }> {
  const blocks = document.blocks.filter(({ type }) => type === 'CERTIFICATE');
  const certificates: X509Certificate[] = [];
  for (const [index, { text }] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(text));
    } catch {
      return { problem: `${document.name}: certificate ${index + 1} of ${blocks.length} is malformed` };
    }
  }
  const [leaf] = certificates;
  if (leaf === undefined) return { problem: `${document.name} has no certificate` };
  return { value: { leaf, pem: blocks.map(({ text }) => text).join('') } };
}

function readKey(document: PemDocument): Result<{ readonly key: KeyObject; readonly pem: string }> {
  const block = document.blocks.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (block === undefined) return { problem: `${document.name} has no private key` };
  if (block.type === 'ENCRYPTED PRIVATE KEY' || /Proc-Type:.*ENCRYPTED/.test(block.text)) {
    return { problem: `${document.name} is encrypted; store the key without a passphrase` };
  }
  try {
    const key = createPrivateKey(block.text);
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (modulusLength > mostBits)
      return { problem: `${document.name} is an RSA key of more than ${mostBits} bits` };
    return { value: { key, pem: block.text } };
  } catch {
    return { problem: `${document.name}: the private key is malformed` };
  }
}

/** Why OpenSSL rejects the pair, for example because an RSA key is too short; undefined if it accepts the pair. */
function whyTlsRefuses({ certificate, key }: CertificatePair): string | undefined {
  try {
    // Without `ca`, Node 22 reads its bundled roots and those of NODE_EXTRA_CA_CERTS, which takes 7 ms at start.
    createSecureContext({ cert: certificate, key, ca: [] });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error && 'reason' in error ? error.reason : undefined;
    return typeof reason === 'string' ? reason : 'OpenSSL refuses it';
  }
}

/** Reads the client certificate of a kubeconfig's user, and its key. */
export async function loadClientCertificate(
  sources: { readonly certificate: PemSource; readonly key: PemSource },
  read: ReadFile,
): Promise<{ readonly clientCertificate: CertificatePair } | { readonly problems: readonly string[] }> {
  const names = { certificate: 'client-certificate', key: 'client-key' };
  const loaded = await loadCertificatePair(sources, names, read);
  return 'problems' in loaded ? loaded : { clientCertificate: loaded.pair };
}
