import { isUtf8 } from 'node:buffer';
import { Der, DerError, fieldTag, tags } from './der.js';
import { readExtensions } from './extensions.js';

/** An attribute of a name: its type as an object identifier, and its value. */
export interface Attribute {
  readonly type: string;
  /** Undefined if versions of the API server read it in different ways. */
  readonly value: string | undefined;
}

const t61String = 0x14;

/** The types of strings that Go reads (crypto/x509, `parseASN1String`), by their tags. Undefined for bytes that it refuses. */
const readings = new Map<number, (content: Buffer) => string | undefined>([
  [0x0c, content => (isUtf8(content) ? content.toString() : undefined)],
  [0x12, content => matching(content, /^[0-9 ]*$/)],
  // Not all of these characters may be in a PrintableString, but Go reads them.
  [0x13, content => matching(content, /^[A-Za-z0-9 '()*+,\-./:=?&]*$/)],
  [t61String, ascii],
  [0x16, ascii],
  [0x1e, readBmpString],
]);

/** The attributes of a name in their order, as the API server reads them. Throws a DerError for a name that it cannot read. */
export function readName(der: Der): readonly Attribute[] {
  const attributes: Attribute[] = [];
  for (const sets = der.inside(tags.sequence); !sets.isAtEnd; ) {
    for (const set = sets.inside(tags.set); !set.isAtEnd; ) {
      const attribute = set.inside(tags.sequence);
      const type = attribute.objectIdentifier();
      const { tag, content } = attribute.any();
      const value = readings.get(tag)?.(content);
      // Go 1.24 takes other bytes than ASCII as they are, and later versions take them for ISO 8859-1.
      if (value === undefined && tag !== t61String)
        throw new DerError(`the attribute ${type} of a name cannot be read`);
      attributes.push({ type, value });
    }
  }
  return attributes;
}

function ascii(content: Buffer): string | undefined {
  return matching(content, /^[\0-\x7f]*$/);
}

function matching(content: Buffer, allowed: RegExp): string | undefined {
  const text = content.toString('latin1');
  return allowed.test(text) ? text : undefined;
}

/** UCS-2, big-endian, with or without a zero at its end. OpenSSL refuses surrogates. */
function readBmpString(content: Buffer): string | undefined {
  if (content.length % 2 !== 0) return undefined;
  return Buffer.from(content).swap16().toString('utf16le').replace(/\0$/, '');
}

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
