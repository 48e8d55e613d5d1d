import { createPrivateKey } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { projectFile } from '../project.js';
import type { CertificateAuthority, CertificatePair } from './certificate-issuing.js';
import { createCertificateAuthority, restoreAuthority } from './certificate-issuing.js';

export {
  type CertificateAuthority,
  type CertificateOptions,
  type CertificatePair,
  type ClientCertificateOptions,
  createCertificateAuthority,
  type KeyType,
  type ServerCertificateOptions,
} from './certificate-issuing.js';

/** The identity of an embedded API server, and one client that it trusts. */
export interface ServerIdentity {
  readonly authority: CertificateAuthority;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly serverCertificate: CertificatePair;
  /** User admin in group system:masters. */
  readonly clientCertificate: CertificatePair;
}

let shared: Promise<ServerIdentity> | undefined;

/**
 * The identity that all servers of a test run share if they need no other. The first process that needs it creates it. It is async, so that
 * each test file of a group awaits a promise of its own (write-groups.ts).
 */
export async function sharedIdentity(): Promise<ServerIdentity> {
  shared ??= findOrMakeIdentity();
  return shared;
}

/** A new identity of an authority, or else the shared one. */
export async function serverIdentity({
  authority,
  serverCertificate,
}: Partial<ServerIdentity>): Promise<ServerIdentity> {
  if (authority === undefined)
    return { ...(await sharedIdentity()), ...(serverCertificate && { serverCertificate }) };
  return {
    authority,
    serverCertificate: serverCertificate ?? (await authority.server()),
    clientCertificate: await authority.client(),
  };
}

async function findOrMakeIdentity(): Promise<ServerIdentity> {
  const file = projectFile('build/identity.json');
  const made = await readIdentity(file);
  if (made !== undefined) return made;
  const authority = await createCertificateAuthority();
  const identity = {
    authority: { certificate: authority.certificate, key: authority.key },
    serverCertificate: await authority.server(),
    clientCertificate: await authority.client(),
  };
  await mkdir(projectFile('build'), { recursive: true });
  const own = `${file}.${process.pid}`;
  await writeFile(own, JSON.stringify(identity), { mode: 0o600 });
  // Another process may have been faster. Then all processes use its identity.
  await link(own, file).catch(() => {});
  await rm(own);
  return (await readIdentity(file)) ?? { ...identity, authority };
}

async function readIdentity(file: string): Promise<ServerIdentity | undefined> {
  try {
    // Certificates are valid for 30 days.
    if (Date.now() - (await stat(file)).mtimeMs > 86_400_000) {
      await rm(file, { force: true });
      return undefined;
    }
    const identity = JSON.parse(await readFile(file, 'utf8')) as ServerIdentity;
    return { ...identity, authority: restoreAuthority(identity.authority) };
  } catch {
    return undefined;
  }
}

/**
 * The same private key in the older PEM forms that kubeconfigs contain: 'pkcs1' (RSA PRIVATE KEY) for RSA and
 * 'sec1' (EC PRIVATE KEY) for EC keys. Throws for a key of another kind: Ed25519 has only PKCS#8.
 */
export function convertKey(pkcs8: string, type: 'pkcs1' | 'sec1'): string {
  return createPrivateKey(pkcs8).export({ format: 'pem', type }).toString();
}
