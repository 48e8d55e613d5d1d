import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.js';
import { collect, endChild, startChild } from './children.js';
import type { PemFiles } from './pem-files.js';

/** A running nginx of one process. */
export interface Nginx {
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts nginx with this content of `http {}`, in its own folder, and waits until it listens on `port` of
 * loopback. It is one process without a master, keeps no log and never closes a connection because of its age.
 */
export async function startNginx(
  { directory, tools, settings }: Bench,
  {
    name,
    port,
    http,
    processors,
  }: { name: string; port: number; http: string; processors: string | undefined },
): Promise<Nginx> {
  const folder = join(directory, name);
  await mkdir(folder, { recursive: true });
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
${http}
}
`;
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration);
  const child = await startChild(tools.nginx, ['-e', 'stderr', '-p', folder, '-c', file], {
    taskset: tools.taskset,
    processors,
    home: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stderr = collect(child.stderr);
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${stderr.text()}`);
    await sleep(20);
  }
  return { pid: child.pid as number, stop: () => endChild(child) };
}

/** For `http {}`: what `forwarding` sends as Connection, so that upgrades are possible and other connections are kept. */
export const connectionField = `map $http_upgrade $connection_field { default upgrade; '' ''; }`;

/** For a `location` with `proxy_pass`: a usual configuration, with the client certificate and without buffering for watches. */
export function forwarding({ ca, clientCertificate, clientKey }: PemFiles): string {
  return `
      proxy_http_version 1.1;
      proxy_set_header Connection $connection_field;
      proxy_set_header Upgrade $http_upgrade;
      proxy_ssl_certificate ${clientCertificate};
      proxy_ssl_certificate_key ${clientKey};
      proxy_ssl_trusted_certificate ${ca};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_ssl_protocols TLSv1.3;
      proxy_buffering off;
      proxy_buffer_size 16k;
      proxy_buffers 8 16k;
      proxy_read_timeout 1h;`;
}

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
