import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.js';
import { collect, endChild, startChild } from './children.js';

/** A running nginx of one process. */
export interface Nginx {
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts nginx with this content of `http {}`, in its own folder, and waits until it listens on `port` of loopback. It is one process without a master, keeps no log and never closes a connection because of its age.
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

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
