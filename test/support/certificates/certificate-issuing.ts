import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIPv4 } from 'node:net';
import { der, extension, hex, name, oid, sequence, utf8, yes } from './der.js';

/** Kinds of key that a kubeconfig's client certificate may have: RSA 2048, ECDSA on P-256, Ed25519. */
export type KeyType = 'rsa512' | 'rsa2048' | 'ec' | 'ed25519';

/** A certificate and its private key as PEM. `certificate` may contain a chain, leaf first; `key` is PKCS#8. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

/** Options of every certificate. By default it is valid from one hour ago, for 30 days from now. */
export interface CertificateOptions {
  readonly keyType?: KeyType;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** Options of a server certificate; without names it is valid for localhost, 127.0.0.1 and ::1. */
export interface ServerCertificateOptions extends CertificateOptions {
  readonly commonName?: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
}

/** Options of a client certificate: the API server reads the user from CN and the groups from every O. */
export interface ClientCertificateOptions extends CertificateOptions {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  /** The whole subject, instead of the fields above: RDNs in order, each with one attribute or more. */
  readonly subject?: readonly Readonly<
    Record<string, readonly (string | Readonly<Record<string, string>>)[]>
  >[];
  /** The certificate's only extended key usage, by OID; an empty text means none. */
  readonly usage?: string;
}

/** Issues certificates. `certificate` is the authority's own PEM; certificates of an intermediate include its chain. */
export interface CertificateAuthority extends CertificatePair {
  server(options?: ServerCertificateOptions): Promise<CertificatePair>;
  client(options?: ClientCertificateOptions): Promise<CertificatePair>;
  intermediate(
    options?: CertificateOptions & { readonly commonName?: string },
  ): Promise<CertificateAuthority>;
}

interface Issuer {
  /** In DER. */
  readonly name: Buffer;
  readonly key: KeyObject;
  /** PEM of the intermediates from this issuer up, without the root. */
  readonly chain: string;
}

/** The parts of a certificate, most of them in DER. */
export interface Template extends CertificateOptions {
  readonly subject: Buffer;
  readonly extensions: readonly Buffer[];
  readonly version?: Buffer;
  readonly serial?: Buffer;
  /** Between the key and the extensions. */
  readonly uniqueIds?: Buffer;
}

const attributes: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  L: '2.5.4.7',
};
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

function generateKeys(keyType: KeyType = 'ec') {
  if (keyType === 'rsa2048') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (keyType === 'rsa512') return generateKeyPairSync('rsa', { modulusLength: 512 });
  if (keyType === 'ed25519') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** The algorithms of signatures, by the type of the issuer's key. */
const algorithms: Readonly<Record<string, Buffer>> = {
  ec: sequence(oid('1.2.840.10045.4.3.2')),
  rsa: sequence(oid('1.2.840.113549.1.1.11'), hex('0500')),
  ed25519: sequence(oid('1.3.101.112')),
};

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\D/g, '').slice(0, 14);
  const isShort = date.getUTCFullYear() < 2050;
  return der(isShort ? 0x17 : 0x18, Buffer.from(`${isShort ? digits.slice(2) : digits}Z`));
}

/** A certificate of this issuer, or one that its own key signs. */
function issue(template: Template, issuer?: Issuer): CertificatePair {
  const { publicKey, privateKey } = generateKeys(template.keyType);
  const { notBefore = new Date(Date.now() - 3_600_000) } = template;
  const { notAfter = new Date(Date.now() + 30 * 86_400_000) } = template;
  const signingKey = issuer?.key ?? privateKey;
  const keyType = signingKey.asymmetricKeyType as string;
  const algorithm = algorithms[keyType] as Buffer;
  const body = sequence(
    template.version ?? hex('a003020102'),
    template.serial ?? der(2, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ...[algorithm, issuer?.name ?? template.subject, sequence(time(notBefore), time(notAfter))],
    ...[template.subject, publicKey.export({ format: 'der', type: 'spki' })],
    template.uniqueIds ?? Buffer.of(),
    der(0xa3, sequence(...template.extensions)),
  );
  const signature = sign(keyType === 'ed25519' ? null : 'sha256', body, signingKey);
  const text = sequence(body, algorithm, der(3, Buffer.of(0), signature)).toString('base64');
  const certificate = `-----BEGIN CERTIFICATE-----\n${text.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  return {
    certificate: certificate + (issuer?.chain ?? ''),
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function leafExtensions(usage: string): Buffer[] {
  return [
    extension('2.5.29.19', sequence(), yes),
    // Signatures, and the encryption of keys.
    extension('2.5.29.15', hex('030205a0'), yes),
    ...(usage === '' ? [] : [extension('2.5.29.37', sequence(oid(usage)))]),
  ];
}

function addressBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  const [head = [], tail = []] = ip.split('::').map(part => (part === '' ? [] : part.split(':')));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return hex(groups.map(group => group.padStart(4, '0')).join(''));
}

function alternativeNames({ dns, ip }: ServerCertificateOptions): Buffer {
  const isNamed = dns !== undefined || ip !== undefined;
  const names = (dns ?? (isNamed ? [] : ['localhost'])).map(value => der(0x82, Buffer.from(value)));
  const addresses = (ip ?? (isNamed ? [] : ['127.0.0.1', '::1'])).map(value =>
    der(0x87, addressBytes(value)),
  );
  return extension('2.5.29.17', sequence(...names, ...addresses));
}

const stringTypes: Readonly<Record<string, (text: string) => Buffer>> = {
  utf8String: utf8,
  printableString: text => der(0x13, Buffer.from(text)),
  ia5String: text => der(0x16, Buffer.from(text)),
  bmpString: text => der(0x1e, Buffer.from(text, 'utf16le').swap16()),
};

function subjectOf({
  commonName = 'admin',
  organizations = ['system:masters'],
  subject,
}: ClientCertificateOptions) {
  const [cn, o] = [attributes['CN'], attributes['O']] as [string, string];
  if (subject === undefined)
    return name(...organizations.map(each => [o, utf8(each)] as const), [cn, utf8(commonName)]);
  const sets = subject.map(part =>
    Object.entries(part).flatMap(([type, values]) =>
      values.map(value => {
        const [[stringType = '', text = ''] = []] =
          typeof value === 'string' ? [['utf8String', value]] : Object.entries(value);
        return sequence(oid(attributes[type] ?? type), stringTypes[stringType]?.(text) ?? Buffer.of());
      }),
    ),
  );
  // DER has the members of a set in the order of their bytes.
  return sequence(...sets.map(members => der(0x31, ...members.sort(Buffer.compare))));
}

function authority(commonName: string, options: CertificateOptions, parent?: Issuer): CertificateAuthority {
  const subject = name(['2.5.4.3', utf8(commonName)]);
  // It may sign certificates and lists of revoked ones.
  const extensions = [
    extension('2.5.29.19', sequence(yes), yes),
    extension('2.5.29.15', hex('03020106'), yes),
  ];
  const own = issue({ ...options, subject, extensions }, parent);
  return issuing(
    { name: subject, key: createPrivateKey(own.key), chain: parent ? own.certificate : '' },
    own,
  );
}

function issuing(issuer: Issuer, own: CertificatePair): CertificateAuthority {
  return {
    ...own,
    async server(options = {}) {
      const subject = name(['2.5.4.3', utf8(options.commonName ?? 'kube-apiserver')]);
      const extensions = [...leafExtensions(serverAuth), alternativeNames(options)];
      return issue({ ...options, subject, extensions }, issuer);
    },
    async client(options = {}) {
      const extensions = leafExtensions(options.usage ?? clientAuth);
      return issue({ ...options, subject: subjectOf(options), extensions }, issuer);
    },
    async intermediate(options = {}) {
      return authority(options.commonName ?? 'intermediate', options, issuer);
    },
  };
}

/** Makes a new self-signed authority. Two authorities with the same name do not trust each other's certificates. */
export async function createCertificateAuthority(
  options: CertificateOptions & { readonly commonName?: string } = {},
): Promise<CertificateAuthority> {
  return authority(options.commonName ?? 'kubernetes', options);
}

/** The issuer with this certificate and key, whose name is a CN alone. */
function issuerOf({ certificate, key }: CertificatePair): Issuer {
  const [, commonName = ''] = /^CN=(.*)$/.exec(new X509Certificate(certificate).subject) ?? [];
  return { name: name(['2.5.4.3', utf8(commonName)]), key: createPrivateKey(key), chain: '' };
}

/** The authority of this certificate and key. */
export function restoreAuthority(own: CertificatePair): CertificateAuthority {
  return issuing(issuerOf(own), own);
}

/** A certificate of these parts that the authority with this certificate and key has issued. */
export function issueBy(own: CertificatePair, template: Template): CertificatePair {
  return issue(template, issuerOf(own));
}
