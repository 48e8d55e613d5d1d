import { Der, DerError, fieldTag, tags } from './der.js';
import { readExtensions } from './extensions.js';
import { type Attribute, readName } from './name.js';

/** What the API server reads of a client certificate to find its user. */
export interface ClientCertificate {
  readonly subject: readonly Attribute[];
  /** Extended key usages, by object identifier; undefined if the certificate does not limit its use. */
  readonly usages: readonly string[] | undefined;
}

/**
 * Reads a certificate as the API server does (Go's crypto/x509, `parseCertificate`; RFC 5280, section 4.1). OpenSSL is less strict, and reads some
 * names in another way. So a caller could have a name or a group here that the API server does not see. Throws a DerError for a certificate that
 * the API server refuses to read. OpenSSL has verified the key, the dates and the signature.
 */
export function readCertificate(raw: Buffer): ClientCertificate {
  const certificate = new Der(raw).inside(tags.sequence).inside(tags.sequence);
  const version = readVersion(certificate);
  certificate.natural();
  certificate.content(tags.sequence);
  readName(certificate);
  certificate.content(tags.sequence);
  const subject = readName(certificate);
  certificate.content(tags.sequence);
  if (version === 1) return { subject, usages: undefined };
  for (const number of [1, 2]) {
    if (certificate.nextIs(fieldTag(number, 'primitive'))) certificate.any();
  }
  const extensions = fieldTag(3, 'constructed');
  const hasExtensions = version === 3 && certificate.nextIs(extensions);
  return { subject, usages: hasExtensions ? readExtensions(certificate.inside(extensions)) : undefined };
}

/** 1 to 3; the encoding begins with 0. */
function readVersion(certificate: Der): number {
  const tag = fieldTag(0, 'constructed');
  if (!certificate.nextIs(tag)) return 1;
  const [version = 3, ...more] = certificate.inside(tag).content(tags.integer);
  if (version > 2 || more.length > 0) throw new DerError('the version is unknown');
  return version + 1;
}
