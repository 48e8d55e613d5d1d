import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../support/ports.js';
import type { Bench } from './bench.js';
import { collect, endChild, startChild } from './children.js';
import { startNginx } from './nginx.js';
import type { ProgramName } from './program-names.js';
import type { Upstream } from './upstream.js';

/** A program that forwards to an upstream, ready for requests. */
export interface Program {
  readonly name: ProgramName;
  /** Where the load goes. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a program that forwards to an upstream, and waits until it listens. */
export function startProgram(bench: Bench, name: ProgramName, upstream: Upstream): Promise<Program> {
  const { settings, tools } = bench;
  const { kubeconfig } = upstream;
  switch (name) {
    case 'kube-api-proxy':
    case 'shared-watches': {
      const shared = name === 'shared-watches' ? ['--share-watches'] : [];
      const program = [settings.main, '--port=0', `--kubeconfig=${kubeconfig}`, ...shared, ...settings.args];
      // All settings have their defaults, even the log: one line per request, to /dev/null.
      return startAnnounced(bench, name, settings.node, [...settings.nodeArgs, ...program], 'ignore');
    }
    case 'kubectl':
      return startAnnounced(
        bench,
        name,
        tools.kubectl,
        ['proxy', '--port=0', `--kubeconfig=${kubeconfig}`],
        'pipe',
      );
    case 'nginx':
      return startReverseProxy(bench, upstream);
  }
}

/** Reads the port from stdout, where this program and kubectl proxy print it. */
async function startAnnounced(
  { directory, tools, placement }: Bench,
  name: ProgramName,
  command: string,
  args: readonly string[],
  log: 'ignore' | 'pipe',
): Promise<Program> {
  const child = await startChild(command, args, {
    taskset: tools.taskset,
    processors: placement.program,
    home: directory,
    // As in the image. Node.js 20 does not know it.
    env: { NODE_COMPILE_CACHE: join(directory, 'compile-cache') },
    stdio: ['ignore', 'pipe', log],
  });
  const address = await announcement(child, `${command} ${args.join(' ')}`);
  return { name, url: `http://${address}`, pid: child.pid as number, stop: () => endChild(child) };
}

async function announcement(child: ChildProcess, commandLine: string): Promise<string> {
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const deadline = AbortSignal.timeout(15_000);
  const closed = once(child, 'close').then(() => 'closed');
  while (!deadline.aborted) {
    const address = /^Starting to serve on (\S+)\n/m.exec(stdout.text())?.[1];
    if (address !== undefined) return address;
    const more = once(child.stdout as NodeJS.ReadableStream, 'data', { signal: deadline }).catch(() => '');
    if ((await Promise.race([closed, more])) === 'closed') break;
  }
  throw new Error(`${commandLine} did not start: ${stdout.text()}${stderr.text()}`);
}

/** nginx with a usual configuration: keep-alive upstream connections, one process, no buffering for watches. */
async function startReverseProxy(bench: Bench, { url, pem }: Upstream): Promise<Program> {
  const port = await freePort();
  const nginx = await startNginx(bench, {
    name: `nginx-${port}`,
    port,
    processors: bench.placement.program,
    http: `
  upstream api_server {
    server ${new URL(url).host};
    keepalive 128;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass https://api_server;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_ssl_certificate ${pem.clientCertificate};
      proxy_ssl_certificate_key ${pem.clientKey};
      proxy_ssl_trusted_certificate ${pem.ca};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_ssl_protocols TLSv1.3;
      proxy_buffering off;
      proxy_buffer_size 16k;
      proxy_buffers 8 16k;
      proxy_read_timeout 1h;
    }
  }`,
  });
  return { name: 'nginx', url: `http://127.0.0.1:${port}`, pid: nginx.pid, stop: nginx.stop };
}
