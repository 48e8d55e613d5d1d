import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ServerIdentity } from '../support/certificates/certificates.js';
import { collectText } from '../support/collected-text.js';
import { eventuallyPasses } from '../support/eventually.js';
import { freePort } from '../support/ports.js';
import { writeAdminKubeconfig } from '../support/proxy/proxy.js';
import { type Run, startChild } from './run.js';
import { answerBody, answerFields, requestWorkloads } from './workloads.js';

/** A server that a proxy can reach. */
export interface Upstream {
  /** Has its address and the client certificate. */
  readonly kubeconfig: string;
  /** URL of a collector of traces, which takes all. */
  readonly collector?: string;
}

/** Writes the kubeconfig for a server on this port of loopback. */
export async function describeUpstream(identity: ServerIdentity, port: number): Promise<Upstream> {
  const { path } = await writeAdminKubeconfig({ url: `https://127.0.0.1:${port}`, ...identity });
  return { kubeconfig: path };
}

/**
 * Starts the server that stands for the API server in plain requests: nginx with TLS 1.3 and a required client certificate. It is one process
 * without a master, keeps no log and never closes a connection because of its age.
 */
export async function startRequestUpstream(run: Run, identity: ServerIdentity): Promise<Upstream> {
  const { directory, settings, tools } = run;
  const folder = join(directory, 'request-upstream');
  await mkdir(folder);
  const put = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const locations: string[] = [];
  for (const workload of requestWorkloads) {
    const file = await put(`${workload.name}.json`, answerBody(workload));
    locations.push(`location = ${workload.path} { alias ${file}; }`);
  }
  const [port, collectorPort] = [await freePort(), await freePort()];
  const fields = answerFields.map(([field, value]) => `add_header ${field} "${value}";`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const configuration = `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections ${settings.watches * 2 + 512}; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  ${temporary.map(kind => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
  ssl_protocols TLSv1.3;
  ssl_certificate ${await put('server.crt', identity.serverCertificate.certificate)};
  ssl_certificate_key ${await put('server.key', identity.serverCertificate.key)};
  ssl_client_certificate ${await put('ca.crt', identity.authority.certificate)};
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
  }
  server {
    listen 127.0.0.1:${collectorPort};
    client_max_body_size 64m;
    location = /v1/traces { return 200; }
  }
}
`;
  const file = await put('nginx.conf', configuration);
  const command = [tools.nginx, '-e', 'stderr', '-p', folder, '-c', file];
  const nginx = await startChild(run, 'load', command, ['ignore', 'ignore', 'pipe']);
  const stderr = collectText(nginx.stderr);
  await eventuallyPasses(async () => {
    if (nginx.exitCode !== null) return;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  });
  if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}: ${stderr()}`);
  return { ...(await describeUpstream(identity, port)), collector: `http://127.0.0.1:${collectorPort}` };
}
