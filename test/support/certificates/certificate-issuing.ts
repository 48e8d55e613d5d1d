import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type {
  CertificateAuthority,
  CertificateOptions,
  CertificatePair,
  KeyType,
  ServerCertificateOptions,
} from './certificate-types.js';

interface Issuer {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  /** PEM of the intermediates from this issuer up, without the root. */
  readonly chain: string;
}

interface Template extends CertificateOptions {
  readonly subject: Name;
  readonly extensions: Extension[];
}

const keyAlgorithms = {
  rsa2048: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ec: { name: 'ECDSA', namedCurve: 'P-256' },
  ed25519: { name: 'Ed25519' },
} as const;

async function generateKeys(keyType: KeyType = 'ec'): Promise<webcrypto.CryptoKeyPair> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithms[keyType], true, ['sign', 'verify']);
  return keys as webcrypto.CryptoKeyPair;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

// The value of an object is used unchanged. In a plain string, quotes and escapes would be parsed.
function name(commonName: string, organizations: readonly string[] = []): Name {
  const groups = organizations.map(organization => ({ O: [{ utf8String: organization }] }));
  return new Name([...groups, { CN: [{ utf8String: commonName }] }]);
}

function toPem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function sign(
  template: Template,
  keys: webcrypto.CryptoKeyPair,
  issuer?: Issuer,
): Promise<X509Certificate> {
  const signingKey = issuer?.keys.privateKey ?? keys.privateKey;
  return X509CertificateGenerator.create({
    subject: template.subject,
    issuer: issuer ? issuer.certificate.subjectName : template.subject,
    notBefore: template.notBefore ?? new Date(Date.now() - 3_600_000),
    notAfter: template.notAfter ?? new Date(Date.now() + 30 * 86_400_000),
    extensions: template.extensions,
    publicKey: keys.publicKey,
    signingKey: signingKey,
    signingAlgorithm: { name: signingKey.algorithm.name, hash: 'SHA-256' },
  });
}

async function issue(template: Template, issuer: Issuer): Promise<CertificatePair> {
  const keys = await generateKeys(template.keyType);
  const certificate = await sign(template, keys, issuer);
  return { certificate: toPem(certificate) + issuer.chain, key: await exportKey(keys.privateKey) };
}

function leafExtensions(usage: string): Extension[] {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
    ...(usage === '' ? [] : [new ExtendedKeyUsageExtension([usage])]),
  ];
}

function alternativeNames(options: ServerCertificateOptions): JsonGeneralNames {
  const named = options.dns !== undefined || options.ip !== undefined;
  const dns = options.dns ?? (named ? [] : ['localhost']);
  const ip = options.ip ?? (named ? [] : ['127.0.0.1', '::1']);
  return [
    ...dns.map(value => ({ type: 'dns' as const, value })),
    ...ip.map(value => ({ type: 'ip' as const, value })),
  ];
}

async function authority(
  commonName: string,
  options: CertificateOptions,
  parent?: Issuer,
): Promise<CertificateAuthority> {
  const keys = await generateKeys(options.keyType);
  const extensions = [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
  const certificate = await sign({ ...options, subject: name(commonName), extensions }, keys, parent);
  const pem = toPem(certificate);
  const issuer: Issuer = { certificate, keys, chain: parent ? pem + parent.chain : '' };
  return issuing(issuer, { certificate: pem, key: await exportKey(keys.privateKey) });
}

function issuing(issuer: Issuer, own: CertificatePair): CertificateAuthority {
  return {
    ...own,
    server: (server = {}) => {
      const names = new SubjectAlternativeNameExtension(alternativeNames(server));
      const subject = name(server.commonName ?? 'kube-apiserver');
      return issue(
        { ...server, subject, extensions: [...leafExtensions(ExtendedKeyUsage.serverAuth), names] },
        issuer,
      );
    },
    client: (client = {}) => {
      const subject =
        client.subject === undefined
          ? name(client.commonName ?? 'admin', client.organizations ?? ['system:masters'])
          : new Name(client.subject as JsonName);
      const extensions = leafExtensions(client.usage ?? ExtendedKeyUsage.clientAuth);
      return issue({ ...client, subject, extensions }, issuer);
    },
    intermediate: (intermediate = {}) =>
      authority(intermediate.commonName ?? 'intermediate', intermediate, issuer),
  };
}

/** A new self-signed authority. */
export function createAuthority(
  options: CertificateOptions & { readonly commonName?: string },
): Promise<CertificateAuthority> {
  return authority(options.commonName ?? 'kubernetes', options);
}

/** The authority of this certificate and key. It issues certificates with keys of type `ec`. */
export async function restoreAuthority({ certificate, key }: CertificatePair): Promise<CertificateAuthority> {
  const der = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
  const { subtle } = webcrypto;
  const privateKey = await subtle.importKey('pkcs8', der, keyAlgorithms.ec, true, ['sign']);
  const own = new X509Certificate(certificate);
  const publicKey = await own.publicKey.export();
  return issuing({ certificate: own, keys: { privateKey, publicKey }, chain: '' }, { certificate, key });
}
