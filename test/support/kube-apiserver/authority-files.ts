import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateAuthority } from '../certificates/certificate-issuing.js';
import { createCertificateAuthority } from '../certificates/certificates.js';

/** Tokens of --token-auth-file: token, user, uid, groups. Admin, one and two may do everything; the others have the rights of two-users.ts. */
export const tokens = {
  admin: 'token-of-admin',
  proxy: 'token-of-the-proxy',
  alice: 'token-of-alice',
  bob: 'token-of-bob',
  one: 'one',
  two: 'two',
} as const;

const tokenFile = `${tokens.admin},admin,,system:masters
${tokens.proxy},proxy,
${tokens.alice},alice,1001,"dev,test"
${tokens.bob},bob,
${tokens.one},one,,system:masters
${tokens.two},two,,system:masters
`;

/** Every request has an event at each stage. */
const auditPolicy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] };

/** Names of the files that API servers of a run share. */
export const fileNames = {
  ca: 'ca.crt',
  caKey: 'ca.key',
  certificate: 'apiserver.crt',
  key: 'apiserver.key',
  kubeletCertificate: 'kubelet.crt',
  kubeletKey: 'kubelet.key',
  adminCertificate: 'admin.crt',
  adminKey: 'admin.key',
  serviceAccountPublicKey: 'sa.pub',
  serviceAccountKey: 'sa.key',
  tokens: 'tokens.csv',
  auditPolicy: 'audit-policy.json',
} as const;

/** Makes the authority of a run, and what its API servers need: certificates, keys of service accounts, tokens, an audit policy. */
export async function writeAuthorityFiles(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const authority = await createCertificateAuthority();
  const [server, kubelet, admin] = await Promise.all([
    authority.server(),
    authority.client({ commonName: 'kube-apiserver-kubelet-client' }),
    authority.client(),
  ]);
  const serviceAccounts = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const contents: Readonly<Record<keyof typeof fileNames, string>> = {
    ca: authority.certificate,
    caKey: authority.key,
    certificate: server.certificate,
    key: server.key,
    kubeletCertificate: kubelet.certificate,
    kubeletKey: kubelet.key,
    adminCertificate: admin.certificate,
    adminKey: admin.key,
    serviceAccountPublicKey: serviceAccounts.publicKey,
    serviceAccountKey: serviceAccounts.privateKey,
    tokens: tokenFile,
    auditPolicy: JSON.stringify(auditPolicy),
  };
  await Promise.all(
    Object.entries(contents).map(([name, content]) =>
      writeFile(join(folder, fileNames[name as keyof typeof fileNames]), content, { mode: 0o600 }),
    ),
  );
}

/** The authority of a run. It signs client certificates of any user, and serving certificates that the API servers trust. */
export async function readAuthority(folder: string): Promise<CertificateAuthority> {
  const [certificate, key] = await Promise.all(
    [fileNames.ca, fileNames.caKey].map(name => readFile(join(folder, name), 'utf8')),
  );
  const { restoreAuthority } = await import('../certificates/certificate-issuing.js');
  return restoreAuthority({ certificate: certificate as string, key: key as string });
}
