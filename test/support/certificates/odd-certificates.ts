import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { CertificatePair } from './certificates.js';

/** A client certificate that not every program reads alike. */
export interface OddCertificate {
  readonly what: string;
  /** CN and O as the API server reads them; undefined if it refuses the certificate. */
  readonly user: readonly [commonName: string, ...organizations: string[]] | undefined;
  readonly parts: CertificateParts;
}

/** Parts of a certificate in DER, instead of those of a normal one. */
interface CertificateParts {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly subject?: Buffer;
  readonly extensions?: readonly Buffer[];
  /** Between the key and the extensions. */
  readonly uniqueIds?: Buffer;
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [40 * first + second, ...rest].flatMap(number => {
    const low = [number & 0x7f];
    for (let left = number >> 7; left > 0; left >>= 7) low.unshift((left & 0x7f) | 0x80);
    return low;
  });
  return der(6, Buffer.from(bytes));
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
const octets = (...parts: readonly Buffer[]) => der(4, ...parts);
const hex = (text: string) => Buffer.from(text, 'hex');
const utf8 = (text: string) => der(0x0c, Buffer.from(text));
const yes = hex('0101ff');

/** A name of attributes, each in a set of its own. */
function name(...attributes: readonly (readonly [type: string, value: Buffer])[]): Buffer {
  return sequence(...attributes.map(([type, value]) => der(0x31, sequence(oid(type), value))));
}

const cn = '2.5.4.3';
const o = '2.5.4.10';
const alice = [cn, utf8('alice')] as const;

function extension(type: string, value: Buffer, ...critical: readonly Buffer[]): Buffer {
  return sequence(oid(type), ...critical, octets(value));
}

const usage = extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.2')));

/** A certificate that this authority has issued, with these parts. */
export function issueOdd(
  { certificate, key }: CertificatePair,
  { version = hex('a003020102'), serial = hex('020101'), subject = name(alice), ...parts }: CertificateParts,
): CertificatePair {
  const [, issuer = ''] = /^CN=(.*)$/.exec(new X509Certificate(certificate).subject) ?? [];
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const time = (days: number) => {
    const digits = new Date(Date.now() + days * 86_400_000).toISOString().replace(/\D/g, '');
    return der(0x17, Buffer.from(`${digits.slice(2, 14)}Z`));
  };
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const body = sequence(
    ...[version, serial, algorithm, name([cn, utf8(issuer)]), sequence(time(-1), time(30)), subject],
    publicKey.export({ format: 'der', type: 'spki' }),
    parts.uniqueIds ?? Buffer.of(),
    der(0xa3, sequence(...(parts.extensions ?? [usage]))),
  );
  const signature = sign('sha256', body, createPrivateKey(key));
  const text = sequence(body, algorithm, der(3, Buffer.of(0), signature)).toString('base64');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${text.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
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

/** One that versions of the API server read in different ways: Go 1.24 takes the bytes as they are, and later versions take them for ISO 8859-1. */
export const ambiguousCertificate = named('with UTF-8 in a T61String', 0x14, Buffer.from('zoë'), 'zoë');

/** A client certificate of an intermediate authority that has an extension once, or twice. */
export function issueBelow(authority: CertificatePair, times: 1 | 2): CertificatePair {
  const isAuthority = extension('2.5.29.19', hex('30030101ff'), yes);
  const extensions = [isAuthority, ...Array<Buffer>(times).fill(extension('1.2.3.4', hex('0500')))];
  const issuer = issueOdd(authority, { subject: name([cn, utf8('team')]), extensions });
  const { certificate, key } = issueOdd(issuer, {});
  return { certificate: certificate + issuer.certificate, key };
}
