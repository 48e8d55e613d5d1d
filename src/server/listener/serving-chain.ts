import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** The certificates of --tls-cert-file. */
export class ServingChain {
  /** PEM of the authority that clients have to trust: the self-signed certificate that ends the chain. Undefined if the file lacks it. */
  readonly authority: string | undefined;
  readonly #leaf: X509Certificate;

  /** @param pem The certificate first, then its chain; nothing else. */
  constructor(pem: Buffer) {
    const blocks = pem.toString('latin1').match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
    const certificates = blocks.map(block => new X509Certificate(block));
    this.#leaf = certificates[0] as X509Certificate;
    this.authority = rootOf(certificates)?.toString();
  }

  /** Whether the certificate is for this host, an IPv6 address in brackets. */
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

/** By name and signature; a self-signed server certificate need not be marked for signing. */
function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.subject === certificate.issuer && certificate.verify(issuer.publicKey);
}
