import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { delimiter } from 'node:path';
import { startFakeApiServer } from '../fake-api-server/fake-api-server.js';
import { program } from '../project.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import { createRandom } from '../random.js';
import { definitions } from './definitions.js';
import { ClusterLife } from './life.js';
import { clusterObjects } from './objects.js';

/** Starts an API server in this process, with some hundred objects that change now and then. Writes a kubeconfig with a context of this name. */
async function startCluster(name: string, seed: number) {
  const random = createRandom(seed);
  const server = await startFakeApiServer({
    seed: false,
    firstLogLines: 0,
    customResources: definitions,
    watchHistory: 1_000,
  });
  for (const object of clusterObjects(random)) server.write(object);
  server.compact();
  const life = new ClusterLife(server, random);
  life.start();
  const kubeconfig = await writeKubeconfig({
    name,
    server: server.url,
    ca: server.authority.certificate,
    certificate: server.clientCertificate.certificate,
    key: server.clientCertificate.key,
  });
  return { name, server, life, kubeconfig };
}

const flags = process.argv.slice(2);
const port = Number(process.env['KUBE_API_PROXY_PORT'] ?? 8001);
if (!flags.some(flag => /^(-p|--port|-u|--unix-socket)/.test(flag)) && (await isTaken(port))) {
  process.stderr.write(`Port ${port} is in use. Take a free one: npm run demo -- --port=0\n`);
  process.exit(1);
}

// Runs the program as `npm start` does, with two API servers in this process.
const clusters = [await startCluster('demo', 1), await startCluster('staging', 2)];
const files = clusters.map(({ kubeconfig }) => kubeconfig.path).join(delimiter);

process.stdout.write('Embedded API servers (TLS, client certificate required; objects live in memory):\n');
for (const { name, server } of clusters) process.stdout.write(`  context ${name}: ${server.url}\n`);
process.stdout.write(`KUBECONFIG=${files}\n\n`);
const proxy = spawn(process.execPath, [program, '--all-contexts', ...flags], {
  stdio: ['inherit', 'pipe', 'inherit'],
  // A browser with the page sends some requests a second, whose lines would bury what is printed here.
  env: { KUBE_API_PROXY_LOG_REQUESTS: 'errors', ...process.env, KUBECONFIG: files },
});
proxy.stdout.setEncoding('utf8').on('data', (text: string) => {
  process.stdout.write(text);
  const address = /^Starting to serve on (.+:\d+)$/m.exec(text)?.[1];
  if (address !== undefined) process.stdout.write(thingsToTry(address));
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => proxy.kill(signal));
proxy.on('close', async code => {
  for (const { server, life } of clusters) {
    life.close();
    await server.kill();
  }
  process.exitCode = code ?? 1;
});

function thingsToTry(address: string): string {
  return `
Things to try:
  http://${address}/-/ui/ in a browser: the API, live
In another terminal:
  curl http://${address}/api/v1/namespaces/shop/pods
  kubectl --server http://${address} get pods --all-namespaces --watch
  kubectl --server http://${address}/clusters/staging get namespaces
  curl http://${address}/-/clusters
  curl http://${address}/-/metrics
Requests that fail are logged here; --log-requests=all logs the others too. Ctrl-C ends the demo.

`;
}

async function isTaken(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  } finally {
    server.close();
  }
}
