import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { certificatesIn } from '../../certificates/pem.js';
import type { ServingCertificate } from '../../http/listener.js';

/** The certificates of --tls-cert-file. */
export class ServingChain implements ServingCertificate {
  /** The self-signed certificate at the end of the chain; undefined if the file does not contain it. */
  readonly authority: string | undefined;
  readonly #leaf: X509Certificate;
  /** The last certificate that the others lead to. */
  readonly #end: X509Certificate;
  #isPublic: boolean | undefined;

  /** @param pem The certificate, then the rest of its chain; nothing else. */
  constructor(pem: Buffer) {
    const certificates = certificatesIn(pem);
    this.#leaf = certificates[0] as X509Certificate;
    this.#end = endOf(certificates as [X509Certificate, ...X509Certificate[]]);
    this.authority = isIssuer(this.#end, this.#end) ? this.#end.toString() : undefined;
  }

  get isPublic(): boolean {
    this.#isPublic ??= hasKnownIssuer(this.#end);
    return this.#isPublic;
  }

  isFor(hostname: string): boolean {
    const host = hostname.replace(/^\[|\]$/g, '');
    return isIP(host) === 0
      ? this.#leaf.checkHost(host, { subject: 'never' }) !== undefined
      : this.#leaf.checkIP(host) !== undefined;
  }
}

function endOf([leaf, ...others]: readonly [X509Certificate, ...X509Certificate[]]): X509Certificate {
  const unused = new Set(others);
  for (let last = leaf; ; ) {
    const certificate = last;
    if (isIssuer(certificate, certificate)) return certificate;
    const issuer = [...unused].find(other => isIssuer(other, certificate));
    if (issuer === undefined) return certificate;
    unused.delete(issuer);
    last = issuer;
  }
}

/** Reading all of the known authorities would block the process for a tenth of a second, so it reads those with the issuer's name in them. */
function hasKnownIssuer(certificate: X509Certificate): boolean {
  const { issuer } = certificate;
  const name = issuer.slice(issuer.lastIndexOf('=') + 1);
  return rootCertificates.some(pem => {
    const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    return der.includes(name) && isIssuer(new X509Certificate(pem), certificate);
  });
}

/** Compares names and checks the signature. A self-signed server certificate need not be marked as an authority. */
function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return issuer.subject === certificate.issuer && certificate.verify(issuer.publicKey);
}
