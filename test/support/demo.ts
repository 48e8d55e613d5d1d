import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeApiServer } from './fake-api-server.js';
import { writeKubeconfig } from './kubeconfig-file.js';
import { program } from './project.js';

// Runs the program as `npm start` does, with an API server in this process.
const server = await startFakeApiServer({ clientCertificates: 'required' });
const directory = await mkdtemp(join(tmpdir(), 'kube-api-proxy-demo-'));
const { path: kubeconfig } = await writeKubeconfig(
  {
    server: server.url,
    ca: server.authority.certificate,
    certificate: server.clientCertificate.certificate,
    key: server.clientCertificate.key,
  },
  { directory },
);

process.stdout.write(
  `Embedded API server on ${server.url} (TLS, client certificate required; objects live in memory).\n` +
    `Kubeconfig: ${kubeconfig}\n\n`,
);
const proxy = spawn(process.execPath, [program, '--kubeconfig', kubeconfig, ...process.argv.slice(2)], {
  stdio: ['inherit', 'pipe', 'inherit'],
});
proxy.stdout.setEncoding('utf8').on('data', (text: string) => {
  process.stdout.write(text);
  const address = /^Starting to serve on (.+:\d+)$/m.exec(text)?.[1];
  if (address !== undefined) process.stdout.write(thingsToTry(address));
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => proxy.kill(signal));
proxy.on('close', async code => {
  await server.kill();
  await rm(directory, { recursive: true });
  process.exitCode = code ?? 1;
});

function thingsToTry(address: string): string {
  return `
Three things to try in another terminal:
  curl http://${address}/api/v1/namespaces/default/pods
  kubectl --server http://${address} get pods --all-namespaces --watch
  curl http://${address}/-/metrics
Ctrl-C ends the demo.

`;
}
