import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { certificatesIn } from '../../credentials/pem.js';

/** The certificates of --tls-cert-file. */
export class ServingChain {
  /**
   * PEM of the authority that clients have to trust: the self-signed certificate at the end of the chain. Undefined if the file does not
   * contain it.
   */
  readonly authority: string | undefined;
  readonly #leaf: X509Certificate;

  /** @param pem The certificate, then the rest of its chain; nothing else. */
  constructor(pem: Buffer) {
    const certificates = certificatesIn(pem);
    this.#leaf = certificates[0] as X509Certificate;
    this.authority = rootOf(certificates)?.toString();
  }

  /** Whether the certificate is valid for this host. An IPv6 address is in brackets. */
  isFor(hostname: string): boolean {
    const host = hostname.replace(/^\[|\]$/g, '');
    return isIP(host) === 0
      ? this.#leaf.checkHost(host, { subject: 'never' }) !== undefined
      : this.#leaf.checkIP(host) !== undefined;
  }
}

function rootOf([leaf, ...others]: readonly X509Certificate[]): X509Certificate | undefined {
  const unused = new Set(others);
  for (let last = leaf; last !== undefined; ) {
    const certificate = last;
    if (isIssuer(certificate, certificate)) return certificate;
    last = [...unused].find(other => isIssuer(other, certificate));
    if (last !== undefined) unused.delete(last);
  }
  return undefined;
}

/** Compares names and checks the signature. A self-signed server certificate need not be marked as an authority. */
function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.subject === certificate.issuer && certificate.verify(issuer.publicKey);
}
