import { issueBy, type Template } from './certificate-issuing.js';
import type { CertificatePair } from './certificates.js';
import { der, extension, hex, name, oid, sequence, utf8, yes } from './der.js';

/** Parts of a certificate instead of those of a normal one. */
type CertificateParts = Partial<Template>;

/** A client certificate that not every program reads alike. */
export interface OddCertificate {
  readonly what: string;
  /** CN and O as the API server reads them; undefined if it refuses the certificate. */
  readonly user: readonly [commonName: string, ...organizations: string[]] | undefined;
  readonly parts: CertificateParts;
}

const cn = '2.5.4.3';
const o = '2.5.4.10';
const alice = [cn, utf8('alice')] as const;

const usage = extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.2')));

/** A certificate that this authority has issued, with these parts. */
export function issueOdd(authority: CertificatePair, parts: CertificateParts): CertificatePair {
  return issueBy(authority, { serial: hex('020101'), subject: name(alice), extensions: [usage], ...parts });
}

/** A certificate whose CN is of another type of string. */
function named(what: string, tag: number, content: Buffer, user?: string): OddCertificate {
  const subject = name([o, utf8('dev')], [cn, der(tag, content)]);
  return { what, user: user === undefined ? undefined : [user, 'dev'], parts: { subject } };
}

function extended(what: string, isRead: boolean, ...extensions: readonly Buffer[]): OddCertificate {
  return { what, user: isRead ? ['alice'] : undefined, parts: { extensions: [usage, ...extensions] } };
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');
const utf16 = (text: string) => Buffer.from(text, 'utf16le').swap16();
const dns = (text: string) => der(0x82, latin1(text));

/** OpenSSL can read each of them, so that a client can present it. */
export const oddCertificates: readonly OddCertificate[] = [
  named('with a CN of digits, as a NumericString', 0x12, latin1('12 3'), '12 3'),
  named('with letters in a NumericString', 0x12, latin1('12a')),
  named('with an asterisk and an ampersand in a PrintableString', 0x13, latin1('a*&b'), 'a*&b'),
  named('with an at sign in a PrintableString', 0x13, latin1('a@b')),
  named('with an underscore in a PrintableString', 0x13, latin1('a_b')),
  named('with other letters in a PrintableString', 0x13, Buffer.from('ä')),
  named('with ASCII in a T61String', 0x14, latin1('alice@$#'), 'alice@$#'),
  named('with ASCII in an IA5String', 0x16, latin1('a@b_c*'), 'a@b_c*'),
  named('with ISO 8859-1 in an IA5String', 0x16, latin1('zoë')),
  named('with UTF-8 in an IA5String', 0x16, Buffer.from('zoë')),
  named('with a UniversalString', 0x1c, hex('0000006100000062')),
  named('with a BMPString', 0x1e, utf16('zoë 日本'), 'zoë 日本'),
  named('with a terminator in a BMPString', 0x1e, utf16('alice\0'), 'alice'),
  named('with a string in parts', 0x2c, utf8('alice')),
  {
    what: 'with an empty set in its subject',
    user: ['alice'],
    parts: { subject: sequence(der(0x31), name(alice).subarray(2)) },
  },
  {
    what: 'with a UniversalString in another attribute of its subject',
    user: undefined,
    parts: { subject: name(alice, ['2.5.4.11', der(0x1c, hex('00000061'))]) },
  },
  {
    what: 'with a CN and an O of longer types',
    user: ['alice'],
    parts: { subject: name(alice, [`${cn}.1`, utf8('bob')], [`${o}.0`, utf8('system:masters')]) },
  },
  {
    what: 'with a length of a byte too many in its subject',
    user: undefined,
    parts: { subject: name([cn, hex('0c8105616c696365')]) },
  },
  { what: 'with a negative serial number', user: undefined, parts: { serial: hex('0201ff') } },
  { what: 'of a version that does not exist', user: undefined, parts: { version: hex('a003020105') } },
  {
    what: 'with unique identifiers',
    user: ['alice'],
    parts: { uniqueIds: Buffer.concat([hex('81020001'), hex('82020001')]) },
  },
  extended('with usages twice', false, usage),
  extended('with an unknown extension', true, extension('1.2.3.4', hex('0500'))),
  extended('with an unknown extension twice', false, ...Array(2).fill(extension('1.2.3.4', hex('0500')))),
  extended('with an unknown critical extension', false, extension('1.2.3.4', hex('0500'), yes)),
  extended(
    'with a critical extension of Netscape',
    false,
    extension('2.16.840.1.113730.1.1', hex('03020780'), yes),
  ),
  extended('with a boolean that is neither', false, extension('1.2.3.4', hex('0500'), hex('010101'))),
  extended('with a key usage', true, extension('2.5.29.15', hex('03020780'))),
  extended('with a key usage that is no bit string', false, extension('2.5.29.15', hex('04020780'))),
  extended('with a key usage that has bits of no use', false, extension('2.5.29.15', hex('03020781'))),
  extended('with basic constraints', true, extension('2.5.29.19', hex('3000'), yes)),
  extended('with basic constraints that are no sequence', false, extension('2.5.29.19', hex('0500'))),
  extended('with an alternative name', true, extension('2.5.29.17', sequence(dns('a.example')))),
  extended('with an alternative name that is not ASCII', false, extension('2.5.29.17', sequence(dns('ä')))),
  extended('with an IP address of 5 bytes', false, extension('2.5.29.17', sequence(hex('87050102030405')))),
  extended('with an alternative name that is cut off', false, extension('2.5.29.17', hex('30028205'))),
  extended(
    'with critical alternative names of another kind alone',
    false,
    extension('2.5.29.17', sequence(hex('88032a0304')), yes),
  ),
  extended(
    'with alternative names of another kind alone',
    true,
    extension('2.5.29.17', sequence(hex('88032a0304'))),
  ),
  extended('with the key of its authority', true, extension('2.5.29.35', hex('3000'))),
  extended('with the key of its authority, and critical', false, extension('2.5.29.35', hex('3000'), yes)),
  extended('with the identifier of its key, and critical', false, extension('2.5.29.14', hex('040101'), yes)),
  extended('with an identifier of its key that is none', false, extension('2.5.29.14', hex('0500'))),
  extended('with places of revocation lists that are none', false, extension('2.5.29.31', hex('30020500'))),
  extended('with policies', true, extension('2.5.29.32', sequence(sequence(oid('2.5.29.32.0'))))),
  extended('with policies that are none', false, extension('2.5.29.32', hex('30020500'))),
  extended(
    'with a place of its authority',
    true,
    extension(
      '1.3.6.1.5.5.7.1.1',
      sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), der(0x86, latin1('http://a.example')))),
    ),
  ),
  extended(
    'with a place of its authority that is none',
    false,
    extension('1.3.6.1.5.5.7.1.1', hex('30020500')),
  ),
  extended('with constraints on names that are empty', false, extension('2.5.29.30', hex('3000'))),
];

/** One that versions of the API server read in different ways: Kubernetes 1.34 takes the bytes as they are, and 1.36 takes them for ISO 8859-1. */
export const ambiguousCertificate = named('with UTF-8 in a T61String', 0x14, Buffer.from('zoë'), 'zoë');
/** What an API server that takes them for ISO 8859-1 reads in it. */
export const laterAmbiguousName = Buffer.from('zoë').toString('latin1');

/** A client certificate of an intermediate authority that has an extension once, or twice. */
export function issueBelow(authority: CertificatePair, times: 1 | 2): CertificatePair {
  const isAuthority = extension('2.5.29.19', hex('30030101ff'), yes);
  const extensions = [isAuthority, ...Array<Buffer>(times).fill(extension('1.2.3.4', hex('0500')))];
  const issuer = issueOdd(authority, { subject: name([cn, utf8('team')]), extensions });
  const { certificate, key } = issueOdd(issuer, {});
  return { certificate: certificate + issuer.certificate, key };
}
