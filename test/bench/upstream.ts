import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../support/ports.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import type { Bench } from './bench.js';
import { startNginx } from './nginx.js';
import type { PemFiles } from './pem-files.js';
import { answerBody, answerFields, requestWorkloads } from './workloads.js';

/** A server that a proxy can reach. */
export interface Upstream {
  readonly name: string;
  /** `https://` and its address, where it requires the client certificate. */
  readonly url: string;
  /** Has its address and the client certificate. */
  readonly kubeconfig: string;
  readonly pem: PemFiles;
}

/** Describes a server on this port of loopback, and writes the kubeconfig for it. */
export async function describeUpstream(
  { directory }: Bench,
  name: string,
  pem: PemFiles,
  port: number,
): Promise<Upstream> {
  const folder = join(directory, name);
  await mkdir(folder, { recursive: true });
  const url = `https://127.0.0.1:${port}`;
  const { path } = await writeKubeconfig(
    {
      server: url,
      cluster: { 'certificate-authority': pem.ca },
      user: { 'client-certificate': pem.clientCertificate, 'client-key': pem.clientKey },
    },
    { directory: folder },
  );
  return { name, url, kubeconfig: path, pem };
}

/** Starts the server that stands for the API server in plain requests: nginx with TLS 1.3 and a required client certificate. */
export async function startRequestUpstream(bench: Bench, pem: PemFiles): Promise<Upstream> {
  const { directory, placement } = bench;
  const name = 'request-upstream';
  const folder = join(directory, name);
  await mkdir(folder);
  const locations: string[] = [];
  for (const workload of requestWorkloads) {
    const file = join(folder, `${workload.name}.json`);
    await writeFile(file, answerBody(workload));
    locations.push(`location = ${workload.path} { alias ${file}; }`);
  }
  const port = await freePort();
  const fields = answerFields.map(([field, value]) => `add_header ${field} "${value}";`);
  await startNginx(bench, {
    name,
    port,
    processors: placement.load,
    http: `
  ssl_protocols TLSv1.3;
  ssl_certificate ${pem.serverCertificate};
  ssl_certificate_key ${pem.serverKey};
  ssl_client_certificate ${pem.ca};
  http2_max_concurrent_streams 100;
  open_file_cache max=16;
  open_file_cache_valid 1h;
  types {}
  default_type application/json;
  etag off;
  max_ranges 0;
  ${fields.join('\n  ')}
  add_header Last-Modified "";
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_verify_client on;
    ${locations.join('\n    ')}
    location = /readyz { return 200 "ok"; }
    location = /version { return 200 "{}"; }
  }`,
  });
  return describeUpstream(bench, name, pem, port);
}
