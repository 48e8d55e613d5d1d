import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.js';
import { type KubeconfigFile, writeKubeconfig } from './kubeconfig-file.js';
import { type KubectlResult, kubectl, kubectlTest, startKubectl } from './kubectl.js';

const transports = {
  WebSocket: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'true' },
  SPDY: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
} as const;

let server: FakeApiServer;
let kubeconfig: KubeconfigFile;
let directory: string;

before(async () => {
  server = await startFakeApiServer({
    allow: (user, { verb }) => user.username === 'viewer' && ['get', 'list', 'create'].includes(verb),
  });
  const ca = server.authority.certificate;
  kubeconfig = await writeKubeconfig({ server: server.url, ca, ...server.clientCertificate });
  directory = await mkdtemp(join(tmpdir(), 'kubectl-'));
});

after(async () => {
  await server.kill();
  await kubeconfig.remove();
  await rm(directory, { recursive: true, force: true });
});

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { KUBECONFIG: kubeconfig.path, HOME: directory, ...more };
}

function run(args: readonly string[], input?: string | Buffer, env = {}): Promise<KubectlResult> {
  return kubectl(args, { env: environment(env), ...(input === undefined ? {} : { input }) });
}

/** Runs kubectl, expects it to succeed, and gives its output. */
async function succeed(args: readonly string[], input?: string | Buffer, env = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, input, env);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const manifest = (image: string, replicas: number) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: applied}
data: {image: "${image}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: applied}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: applied}}
  template:
    metadata: {labels: {app: applied}}
    spec: {containers: [{name: main, image: "${image}", ports: [{containerPort: 80}]}]}
`;

kubectlTest('kubectl get prints the tables of several resources at once', async () => {
  const output = await succeed(['get', 'pods,services,deployments', '-A']);
  assert.match(output, /^team-0 +pod\/web-0 +1\/1 +Running +0 +\d+s$/m);
  assert.match(output, /^default +service\/web +ClusterIP +10\.96\.0\.\d+ +<none> +80\/TCP/m);
  assert.match(output, /^default +deployment\.apps\/web +2\/2 +2 +2/m);
});

kubectlTest('kubectl apply creates, reports unchanged objects, and configures', async () => {
  const apply = (text: string) => succeed(['apply', '-f', '-'], text);
  assert.equal(
    await apply(manifest('a:1', 1)),
    'configmap/applied created\ndeployment.apps/applied created\n',
  );
  assert.equal(
    await apply(manifest('a:1', 1)),
    'configmap/applied unchanged\ndeployment.apps/applied unchanged\n',
  );
  assert.equal(
    await apply(manifest('a:2', 3)),
    'configmap/applied configured\ndeployment.apps/applied configured\n',
  );
  assert.match(await succeed(['rollout', 'status', 'deployment/applied']), /successfully rolled out/);
  assert.match(await succeed(['wait', '--for=condition=Available', 'deployment/applied']), /condition met/);
  assert.equal((await run(['diff', '-f', '-'], manifest('a:2', 3))).code, 0);
  assert.equal((await run(['diff', '-f', '-'], manifest('a:3', 3))).code, 1);
});

kubectlTest(
  'kubectl apply --server-side reports the conflict with another manager, and forces it',
  async () => {
    const apply = (image: string, manager: string, ...more: string[]) =>
      run(
        ['apply', '--server-side', `--field-manager=${manager}`, ...more, '-f', '-'],
        manifest(image, 1).replaceAll(' applied', ' server-side'),
      );
    assert.equal((await apply('a:1', 'one')).code, 0);
    const conflict = await apply('a:2', 'two');
    assert.equal(conflict.code, 1);
    assert.match(conflict.stderr, /conflict with "one": \.data\.image/);
    assert.equal((await apply('a:2', 'two', '--force-conflicts')).code, 0);
    const image = [
      'get',
      'deployment',
      'server-side',
      '-o',
      'jsonpath={.spec.template.spec.containers[*].image}',
    ];
    assert.equal(await succeed(image), 'a:2');
  },
);

kubectlTest('kubectl patch, label, annotate and scale change only what they name', async () => {
  await succeed(['create', 'configmap', 'patched', '--from-literal=a=1']);
  await succeed(['patch', 'configmap', 'patched', '--type=merge', '-p', '{"data":{"b":"2"}}']);
  await succeed(['patch', 'configmap', 'patched', '--type=json', '-p', '[{"op":"remove","path":"/data/a"}]']);
  await succeed(['patch', 'configmap', 'patched', '--type=strategic', '-p', '{"data":{"c":"3"}}']);
  await succeed(['label', 'configmap', 'patched', 'tier=x']);
  await succeed(['annotate', 'configmap', 'patched', 'note=y']);
  const object = JSON.parse(await succeed(['get', 'configmap', '-l', 'tier=x', '-o', 'json'])).items[0];
  assert.deepEqual(object.data, { b: '2', c: '3' });
  assert.equal(object.metadata.annotations.note, 'y');
  await succeed(['create', 'deployment', 'scaled', '--image=a:1']);
  await succeed(['scale', 'deployment', 'scaled', '--replicas=4']);
  assert.match(await succeed(['get', 'deployment', 'scaled']), /^scaled +4\/4/m);
});

kubectlTest('kubectl create sends protobuf that the server reads', async () => {
  await succeed(['create', 'namespace', 'made']);
  await succeed(['create', 'secret', 'generic', 'made', '--from-literal=k=v', '-n', 'made']);
  await succeed(['create', 'serviceaccount', 'made', '-n', 'made']);
  await succeed(['create', 'role', 'made', '--verb=get', '--resource=pods', '-n', 'made']);
  assert.equal(await succeed(['get', 'secret', 'made', '-n', 'made', '-o', 'jsonpath={.data.k}']), 'dg==');
  const record = server.requests.find(
    ({ method, rawUrl }) => method === 'POST' && rawUrl.includes('/secrets'),
  );
  assert.equal(record?.headers['content-type'], 'application/vnd.kubernetes.protobuf');
});

kubectlTest('kubectl get -w follows a pod from its creation to its deletion', async () => {
  const child = startKubectl(['get', 'pods', '-w', '-l', 'run=watched'], environment());
  const seen = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    await server.waitForRequest(
      ({ rawUrl }) => rawUrl.includes('watched') && rawUrl.includes('watch=true'),
      10_000,
    );
    await succeed(['run', 'watched', '--image=a:1']);
    assert.match((await seen.next()).value, /^NAME +READY/);
    assert.match((await seen.next()).value, /^watched +1\/1 +Running/);
    await succeed(['delete', 'pod', 'watched']);
    assert.match((await seen.next()).value, /^watched/);
  } finally {
    child.kill('SIGKILL');
  }
});

kubectlTest('kubectl wait sees a deletion and a condition', async () => {
  await succeed(['run', 'waited', '--image=a:1']);
  assert.match(await succeed(['wait', '--for=condition=Ready', 'pod/waited']), /condition met/);
  const gone = succeed(['wait', '--for=delete', 'pod/waited', '--timeout=20s']);
  await server.waitForRequest(
    ({ rawUrl }) => rawUrl.includes('waited') && rawUrl.includes('watch=true'),
    10_000,
  );
  await succeed(['delete', 'pod', 'waited', '--wait=false']);
  await gone;
});

kubectlTest('kubectl logs -f streams lines as they come', async () => {
  const child = startKubectl(['logs', '-f', 'web-1', '--tail=1'], environment());
  const seen = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    assert.equal((await seen.next()).value, 'log line 4');
    server.appendLog('default', 'web-1', 'later');
    assert.equal((await seen.next()).value, 'later');
  } finally {
    child.kill('SIGKILL');
  }
});

kubectlTest(
  'kubectl auth whoami and can-i answer for an administrator, a viewer and an impersonated user',
  async () => {
    assert.match(await succeed(['auth', 'whoami']), /^Username +admin$/m);
    assert.match(
      await succeed(['auth', 'whoami', '--as=viewer', '--as-group=g']),
      /^Groups +\[g system:authenticated\]$/m,
    );
    assert.equal(await succeed(['auth', 'can-i', 'delete', 'pods']), 'yes\n');
    const viewer = await server.authority.client({ commonName: 'viewer', organizations: ['dev-team'] });
    const file = await writeKubeconfig({ server: server.url, ca: server.authority.certificate, ...viewer });
    try {
      const canI = (verb: string) => run(['auth', 'can-i', verb, 'pods'], '', { KUBECONFIG: file.path });
      assert.deepEqual([(await canI('list')).stdout, (await canI('delete')).stdout], ['yes\n', 'no\n']);
      const refused = await run(['delete', 'pod', 'web-0'], '', { KUBECONFIG: file.path });
      assert.match(refused.stderr, /User "viewer" cannot delete resource "pods"/);
      const impersonation = await run(['get', 'pods', '--as=admin'], '', { KUBECONFIG: file.path });
      assert.match(impersonation.stderr, /User "viewer" cannot impersonate resource "users"/);
    } finally {
      await file.remove();
    }
  },
);

for (const [transport, env] of Object.entries(transports)) {
  kubectlTest(`kubectl exec over ${transport} passes input, output and exit code`, async () => {
    assert.equal(await succeed(['exec', 'web-0', '--', 'echo', 'a', 'b'], '', env), 'a b\n');
    const input = randomBytes(1_000_000);
    const exec = await succeed(['exec', '-i', 'web-0', '--', 'wc', '-c'], input, env);
    assert.equal(exec, '1000000\n');
    const failed = await run(['exec', 'web-0', '--', 'sh', '-c', 'echo bad >&2; exit 7'], '', env);
    assert.equal(failed.code, 7);
    assert.match(failed.stderr, /^bad\n/);
    const missing = await run(['exec', 'none', '--', 'ls'], '', env);
    assert.match(missing.stderr, /pods "none" not found/);
  });

  kubectlTest(`kubectl exec -it over ${transport} talks to a shell`, async () => {
    const child = startKubectl(['exec', '-it', 'web-0', '--', 'sh'], environment(env));
    const seen = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const exit = once(child, 'exit');
    child.stdin.write('echo one\n');
    assert.equal((await seen.next()).value, 'one');
    child.stdin.write("echo 'two  three'\n");
    assert.equal((await seen.next()).value, 'two  three');
    child.stdin.write('exit 5\n');
    assert.deepEqual(await exit, [5, null]);
  });

  kubectlTest(
    `kubectl attach over ${transport} echoes its input and prints what the pod writes`,
    async () => {
      const child = startKubectl(['attach', '-i', 'web-1'], environment(env));
      const seen = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const exit = once(child, 'exit');
      child.stdin.write('typed\n');
      assert.equal((await seen.next()).value, 'typed');
      server.appendLog('default', 'web-1', 'printed');
      assert.equal((await seen.next()).value, 'printed');
      child.stdin.end();
      assert.deepEqual(await exit, [0, null]);
    },
  );

  kubectlTest(`kubectl cp over ${transport} copies a file and a folder in both directions`, async () => {
    const name = `tree-${transport}`;
    const local = join(directory, name);
    const content = randomBytes(300_000);
    const deep = `${'long-'.repeat(30)}name`;
    await mkdir(join(local, 'sub'), { recursive: true });
    await writeFile(join(local, 'sub', 'data'), content);
    await writeFile(join(local, deep), 'x');
    await succeed(['cp', local, `web-0:/tmp/${name}`], '', env);
    await succeed(['cp', `web-0:/tmp/${name}`, `${local}-back`], '', env);
    assert.ok(content.equals(await readFile(join(`${local}-back`, 'sub', 'data'))));
    assert.equal(await readFile(join(`${local}-back`, deep), 'utf8'), 'x');
    await succeed(['cp', `web-0:/tmp/${name}/sub/data`, `${local}-file`], '', env);
    assert.ok(content.equals(await readFile(`${local}-file`)));
  });

  kubectlTest(
    `kubectl port-forward over ${transport} carries bytes in both directions and half-closes`,
    async () => {
      const child = startKubectl(['port-forward', 'pod/web-0', ':8080'], environment(env));
      try {
        const port = await forwardedPort(child.stdout);
        const content = randomBytes(1_000_000);
        for (let count = 0; count < 2; count += 1)
          assert.ok(content.equals(await throughPort(port, content)));
      } finally {
        child.kill('SIGKILL');
      }
    },
  );

  kubectlTest(
    `kubectl port-forward over ${transport} reaches the port that the pod's annotation names`,
    async () => {
      const greeter = createServer(socket => socket.end('greetings'));
      greeter.listen(0, '127.0.0.1');
      await once(greeter, 'listening');
      const { port: target } = greeter.address() as { port: number };
      await succeed(['annotate', '--overwrite', 'pod', 'web-1', `port-forward.test/80=${target}`]);
      const child = startKubectl(['port-forward', 'pod/web-1', ':80'], environment(env));
      try {
        const port = await forwardedPort(child.stdout);
        assert.equal((await throughPort(port, Buffer.alloc(0))).toString(), 'greetings');
      } finally {
        child.kill('SIGKILL');
        greeter.close();
      }
    },
  );
}

async function forwardedPort(output: NodeJS.ReadableStream): Promise<number> {
  const [line] = (await once(createInterface({ input: output }), 'line')) as [string];
  return Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
}

async function throughPort(port: number, content: Buffer): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  socket.end(content);
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
