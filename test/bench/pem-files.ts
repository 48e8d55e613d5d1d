import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCertificateAuthority } from '../support/certificates/certificates.js';
import type { Bench } from './bench.js';

/** PEM files of one authority, a server on loopback and a client. */
export interface PemFiles {
  readonly ca: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

/** Issues the certificates of one run (ECDSA on P-256) and writes them to its folder. */
export async function writePemFiles({ directory }: Bench): Promise<PemFiles> {
  const authority = await createCertificateAuthority();
  const server = await authority.server();
  const client = await authority.client();
  const put = async (name: string, content: string): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  return {
    ca: await put('ca.crt', authority.certificate),
    serverCertificate: await put('server.crt', server.certificate),
    serverKey: await put('server.key', server.key),
    clientCertificate: await put('client.crt', client.certificate),
    clientKey: await put('client.key', client.key),
  };
}
