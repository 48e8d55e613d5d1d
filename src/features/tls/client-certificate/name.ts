import { isUtf8 } from 'node:buffer';
import { type Der, DerError, tags } from './der.js';

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
