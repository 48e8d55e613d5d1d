import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { anyApiServer, embedded } from '../../support/any-api-server.js';
import {
  type KubectlOptions,
  type KubectlResult,
  kubectl,
  kubectlTest,
  seen,
  startInTerminal,
  startKubectl,
  terminalTest,
} from '../../support/clients/kubectl.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually, within } from '../../support/eventually.js';
import type { KubeconfigFile } from '../../support/proxy/kubeconfig-file.js';
import { type ProxyProcess as Program, startProxy, writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const server = await anyApiServer({ after });
/** Where the tests write. */
const namespace = await server.createNamespace();
let kubeconfig: KubeconfigFile;
/** The program with its default filter, and one that accepts exec and attach. */
let filtered: Program;
let open: Program;
let folder: string;
/** Variables that hide every kubeconfig, so that kubectl gets all from the proxy. */
let env: Record<string, string>;

before(async () => {
  folder = temporaryFolder();
  await mkdir(join(folder, 'home'));
  env = { HOME: join(folder, 'home'), KUBECONFIG: '' };
  kubeconfig = await writeAdminKubeconfig(server);
  filtered = await startProxy(['--kubeconfig', kubeconfig.path]);
  open = await startProxy(['--kubeconfig', kubeconfig.path, '--reject-paths=']);
});

after(async () => {
  await Promise.all([filtered.stop('SIGKILL'), open.stop('SIGKILL')]);
});

function run(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  return kubectl(['-s', open.url, ...args], { ...options, env: { ...env, ...options.env } });
}

/** The same in the namespace where the tests write. */
function runOwn(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  return run(['-n', namespace, ...args], options);
}

const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** A kubectl that keeps running, at most until the end of the test. */
function start(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const child = startKubectl(args, { ...env, ...variables });
  running.push(child);
  return child;
}

/** The standard output of a kubectl that must exit with 0. */
async function succeed(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, options);
  assert.equal(code, 0, `kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** The same in the namespace where the tests write. */
function succeedOwn(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  return succeed(['-n', namespace, ...args], options);
}

const configMap = (name: string, data: Readonly<Record<string, string>> = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

// Reading

kubectlTest('kubectl get prints the Table of the API server', async () => {
  const table = await succeed(['get', 'pods']);
  assert.match(table, /^NAME +READY +STATUS +RESTARTS +AGE\nweb-0 +1\/1 +Running /);
  assert.match(await succeed(['get', 'pods', '-A', '-o', 'wide']), /team-0 +web-1 .*node-0/);
});

kubectlTest('kubectl get -o yaml prints the object', async () => {
  const yaml = await succeed(['get', 'configmap', 'settings', '-o', 'yaml']);
  assert.match(yaml, /^apiVersion: v1\ndata:\n {2}color: blue\n/);
  assert.equal(await succeed(['get', 'cm/settings', '-o', 'jsonpath={.data.size}']), '3');
});

kubectlTest("kubectl prints the API server's own words when there is no such object", async () => {
  const { code, stderr } = await run(['get', 'pod', 'missing']);
  assert.equal(code, 1);
  assert.equal(stderr, 'Error from server (NotFound): pods "missing" not found\n');
});

kubectlTest('kubectl get works with chunks, selectors and several types', async () => {
  const names = await succeed(['get', 'pods', '-A', '--chunk-size=1', '-l', 'app=web', '-o', 'name']);
  assert.equal(names.trim().split('\n').length, 4);
  assert.match(await succeed(['get', 'deploy,svc,cm']), /deployment\.apps\/web[\s\S]*service\/web/);
});

kubectlTest('kubectl get -w sees an event immediately', async () => {
  await succeedOwn(['create', 'configmap', 'listed']);
  const watch = start(['-s', open.url, '-n', namespace, 'get', 'configmaps', '-w', '-o', 'name']);
  await seen(watch, /configmap\/listed/);
  const added = seen(watch, /configmap\/watched/);
  await succeedOwn(['create', 'configmap', 'watched']);
  await added;
  const changed = seen(watch, /configmap\/watched/);
  await succeedOwn(['label', 'configmap', 'watched', 'seen=twice']);
  await changed;
});

kubectlTest('kubectl api-resources, api-versions and version read discovery', async () => {
  assert.match(await succeed(['api-resources']), /^deployments +deploy +apps\/v1 +true +Deployment$/m);
  assert.match(await succeed(['api-versions']), /^apps\/v1$/m);
  const { serverVersion } = JSON.parse(await succeed(['version', '-o', 'json'])) as {
    serverVersion: { gitVersion: string };
  };
  assert.match(serverVersion.gitVersion, /^v1\./);
});

kubectlTest('kubectl get --raw prints what the API server says', async () => {
  assert.equal(await succeed(['get', '--raw', '/livez']), 'ok');
  assert.match(await succeed(['get', '--raw', '/readyz?verbose']), /readyz check passed\n$/);
  assert.match(await succeed(['get', '--raw', '/api/v1/namespaces/default/configmaps/settings']), /"blue"/);
});

kubectlTest('kubectl auth can-i and whoami ask as the user of the kubeconfig', async () => {
  assert.equal(await succeed(['auth', 'can-i', 'delete', 'nodes']), 'yes\n');
  assert.match(await succeed(['auth', 'can-i', '--list']), /\*\.\*/);
  assert.match(await succeed(['auth', 'whoami']), new RegExp(`^Username +${server.user}$`, 'm'));
});

kubectlTest('kubectl impersonates through the proxy', async () => {
  const asked = await run(['auth', 'can-i', 'delete', 'nodes', '--as=nobody']);
  assert.equal(asked.code, 1);
  assert.equal(asked.stdout, 'no\n');
  assert.match(await succeed(['auth', 'whoami', '--as=alice', '--as-group=dev']), /alice[\s\S]*dev/);
});

kubectlTest('kubectl logs prints a log and its tail', async () => {
  assert.match(await succeed(['logs', 'web-1']), /^log line 0\n[\s\S]*log line 4\n$/);
  assert.equal(await succeed(['logs', 'web-1', '--tail=1']), 'log line 4\n');
});

kubectlTest('kubectl logs -f prints new lines immediately', embedded, async () => {
  const follower = start(['-s', open.url, 'logs', '-f', 'web-1']);
  await seen(follower, /log line 4/);
  const line = seen(follower, /a new line/);
  // No later line could flush this one.
  server.embedded.appendLog('default', 'web-1', 'a new line');
  await line;
});

kubectlTest('kubectl describe works', async () => {
  assert.match(await succeed(['describe', 'deployment', 'web']), /^Name: +web\n/);
});

// Writing

kubectlTest('kubectl create, apply and replace write objects', async () => {
  const create = await succeedOwn(['create', 'configmap', 'written', '--from-literal=a=1']);
  assert.equal(create, 'configmap/written created\n');
  const again = await runOwn(['create', 'configmap', 'written']);
  assert.match(again.stderr, /already exists/);
  const dry = await succeedOwn(['create', 'configmap', 'dry', '--dry-run=server', '-o', 'name']);
  assert.equal(dry, 'configmap/dry\n');
  assert.equal((await runOwn(['get', 'configmap', 'dry'])).code, 1);

  const input = configMap('applied', { a: '1', b: '2' });
  assert.equal(await succeedOwn(['apply', '-f', '-'], { input }), 'configmap/applied created\n');
  assert.equal(await succeedOwn(['apply', '-f', '-'], { input }), 'configmap/applied unchanged\n');
  const changed = configMap('applied', { a: 'one' });
  assert.equal(await succeedOwn(['apply', '-f', '-'], { input: changed }), 'configmap/applied configured\n');
  assert.equal(await succeedOwn(['get', 'cm/applied', '-o', 'jsonpath={.data}']), '{"a":"one"}');

  const replacement = configMap('applied', { z: '26' });
  assert.equal(
    await succeedOwn(['replace', '-f', '-'], { input: replacement }),
    'configmap/applied replaced\n',
  );
  assert.equal(await succeedOwn(['get', 'cm/applied', '-o', 'jsonpath={.data}']), '{"z":"26"}');
});

kubectlTest('kubectl create makes what it sends in protobuf', async () => {
  await succeedOwn(['create', 'secret', 'generic', 'made', '--from-literal=k=v']);
  assert.equal(await succeedOwn(['get', 'secret/made', '-o', 'jsonpath={.data.k}']), 'dg==');
  await succeedOwn(['create', 'deployment', 'made', '--image=a:1', '--replicas=2']);
  const summary = 'jsonpath={.spec.replicas} {.spec.template.spec.containers[*].image}';
  assert.equal(await succeedOwn(['get', 'deployment/made', '-o', summary]), '2 a:1');
});

kubectlTest('kubectl apply changes, adds and removes containers of a Deployment by their names', async () => {
  const deployment = (...containers: readonly (readonly [name: string, image: string])[]) => {
    const template = {
      metadata: { labels: { app: 'merged' } },
      spec: { containers: containers.map(([name, image]) => ({ name, image })) },
    };
    const spec = { selector: { matchLabels: { app: 'merged' } }, template };
    return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'merged' }, spec });
  };
  const apply = (input: string) => succeedOwn(['apply', '-f', '-'], { input });
  await apply(deployment(['a', 'a:1'], ['b', 'b:1']));
  await apply(deployment(['a', 'a:2'], ['c', 'c:1']));
  const images = 'jsonpath={.spec.template.spec.containers[*].image}';
  assert.equal(await succeedOwn(['get', 'deployment/merged', '-o', images]), 'a:2 c:1');
});

kubectlTest('kubectl patch works with its three kinds', async () => {
  const input = configMap('patched', { a: '1', b: '2' });
  await succeedOwn(['create', '-f', '-'], { input });
  const patch = (type: string, body: string) =>
    succeedOwn(['patch', 'configmap', 'patched', `--type=${type}`, '-p', body, '-o', 'jsonpath={.data}']);
  assert.equal(await patch('strategic', '{"data":{"a":"one"}}'), '{"a":"one","b":"2"}');
  assert.equal(await patch('merge', '{"data":{"b":null}}'), '{"a":"one"}');
  assert.equal(await patch('json', '[{"op":"add","path":"/data/c","value":"3"}]'), '{"a":"one","c":"3"}');
});

kubectlTest('kubectl label, annotate and scale work', async () => {
  await succeedOwn(['create', 'deployment', 'web', '--image=registry.example/web:1']);
  await succeedOwn(['label', 'deployment', 'web', 'tier=front']);
  await succeedOwn(['annotate', 'deployment', 'web', 'note=a b']);
  const path = 'jsonpath={.metadata.labels.tier},{.metadata.annotations.note}';
  assert.equal(await succeedOwn(['get', 'deployment', 'web', '-o', path]), 'front,a b');
  await succeedOwn(['scale', 'deployment/web', '--replicas=3']);
  assert.equal(await succeedOwn(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}']), '3');
});

// Only the embedded API server has a controller.
kubectlTest('kubectl rollout status works', embedded, async () => {
  assert.match(
    await succeed(['rollout', 'status', 'deployment/web', '--timeout=10s']),
    /successfully rolled out/,
  );
});

kubectlTest('kubectl delete works by name, selector and namespace', async () => {
  const input = ['one', 'two'].map(name => configMap(`delete-${name}`)).join('\n');
  await succeedOwn(['create', '-f', '-'], { input });
  assert.equal(await succeedOwn(['delete', 'cm/delete-one']), 'configmap "delete-one" deleted\n');
  await succeedOwn(['label', 'cm/delete-two', 'doomed=yes']);
  assert.equal(await succeedOwn(['delete', 'cm', '-l', 'doomed=yes']), 'configmap "delete-two" deleted\n');
  assert.equal((await runOwn(['get', 'cm/delete-two'])).code, 1);
});

kubectlTest('kubectl wait sees a deletion, a value and a condition', async () => {
  await succeedOwn(['create', 'configmap', 'awaited']);
  const value = startKubectl(
    [
      '-s',
      open.url,
      '-n',
      namespace,
      'wait',
      'cm/awaited',
      '--for=jsonpath={.data.ready}=yes',
      '--timeout=20s',
    ],
    env,
  );
  const met = seen(value, /condition met/);
  await eventually('the watch', async () =>
    (await server.arrivals()).some(
      ({ target }) => target.includes('awaited') && target.includes('watch=true'),
    ),
  );
  await succeedOwn(['patch', 'cm/awaited', '-p', '{"data":{"ready":"yes"}}']);
  await met;
  const deletion = start([
    '-s',
    open.url,
    '-n',
    namespace,
    'wait',
    'cm/awaited',
    '--for=delete',
    '--timeout=20s',
  ]);
  const ended = once(deletion, 'close');
  await succeedOwn(['delete', 'cm/awaited']);
  assert.deepEqual(await ended, [0, null]);
  assert.match(
    await succeed(['wait', 'pod/web-0', '--for=condition=Ready', '--timeout=10s']),
    /condition met/,
  );
});

// The default filter

kubectlTest('kubectl prints why exec, attach and cp are rejected by default', async () => {
  const file = join(folder, 'refused');
  await writeFile(file, 'x');
  for (const args of [
    ['exec', 'web-0', '--', 'true'],
    ['exec', '-i', 'web-0', '--', 'cat'],
    ['attach', 'web-0'],
    ['cp', file, 'web-0:/tmp/refused'],
  ]) {
    for (const websockets of ['true', 'false']) {
      const { code, stderr } = await kubectl(['-s', filtered.url, ...args], {
        env: { ...env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets },
      });
      assert.notEqual(code, 0, args.join(' '));
      assert.match(stderr, /Forbidden/, args.join(' '));
      assert.match(stderr, /--reject-paths/, args.join(' '));
    }
  }
  const asked = (await server.arrivals()).filter(({ target }) => /\/(exec|attach)\b/.test(target));
  assert.equal(asked.length, 0, 'the API server was not asked');
});

kubectlTest('port-forward is accepted by default', async () => {
  const forward = start(['-s', filtered.url, 'port-forward', 'web-0', ':80']);
  const [, port] = await seen(forward, /Forwarding from 127\.0\.0\.1:(\d+) -> 80/);
  const client = await connectRaw(Number(port));
  client.write('ping');
  await client.until(/^ping$/);
  client.destroy();
});

kubectlTest('kubectl prints why a method is rejected', async () => {
  const readOnly = await startProxy([
    '--kubeconfig',
    kubeconfig.path,
    '--reject-methods=POST,PUT,PATCH,DELETE',
  ]);
  running.push(readOnly.process);
  const { code, stderr } = await kubectl(['-s', readOnly.url, 'delete', 'pod', 'web-0'], { env });
  assert.equal(code, 1);
  assert.match(stderr, /--reject-methods/);
  assert.match((await kubectl(['-s', readOnly.url, 'get', 'pods'], { env })).stdout, /web-0/);
});

// Upgrades, over WebSocket and over SPDY. test/apiserver/streams shows them at a real API server.

for (const [protocol, upgrade, command, forwarding] of [
  ['WebSocket', 'websocket', 'true', 'true'],
  ['SPDY', 'SPDY/3.1', 'false', 'false'],
] as const) {
  const over = {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: command,
    KUBECTL_PORT_FORWARD_WEBSOCKETS: forwarding,
  };
  const options = { env: over };

  /** The protocol of the last upgrade of a subresource, because kubectl falls back to SPDY silently. */
  const assertProtocol = (subresource: string) => {
    const { headers } =
      server.embedded.requests.findLast(
        ({ rawUrl, upgrade: asked }) => asked && rawUrl.includes(`/${subresource}`),
      ) ?? {};
    assert.equal(headers?.['upgrade'], upgrade);
  };

  kubectlTest(
    `kubectl exec over ${protocol} prints both outputs and returns the exit code`,
    embedded,
    async () => {
      const script = 'echo out; echo err 1>&2; exit 7';
      const { code, stdout, stderr } = await run(['exec', 'web-0', '--', 'sh', '-c', script], options);
      assert.equal(code, 7);
      assert.equal(stdout, 'out\n');
      assert.equal(stderr, 'err\ncommand terminated with exit code 7\n');
      assertProtocol('exec');
      assert.equal((await run(['exec', 'web-0', '--', 'true'], options)).code, 0);
    },
  );

  kubectlTest(`kubectl exec over ${protocol} reports a rejection by the API server`, embedded, async () => {
    const { code, stderr } = await run(['exec', 'web-0', '-c', 'nope', '--', 'true'], options);
    assert.equal(code, 1);
    assert.match(stderr, /container nope is not valid for pod web-0/);
  });

  kubectlTest(`kubectl exec over ${protocol} pipes megabytes in without a lost byte`, embedded, async () => {
    const input = randomBytes(4 * 1024 * 1024 + 17);
    const sum = await succeed(['exec', '-i', 'web-0', '--', 'sha256sum'], { ...options, input });
    assert.equal(sum.split(' ')[0], sha256(input));
    const text = randomBytes(2 * 1024 * 1024).toString('base64');
    const echoed = await succeed(['exec', '-i', 'web-0', '--', 'cat'], { ...options, input: text });
    assert.equal(sha256(Buffer.from(echoed)), sha256(Buffer.from(text)));
  });

  kubectlTest(`kubectl exec over ${protocol} gets megabytes out without a lost byte`, embedded, async () => {
    const size = 20 * 1024 * 1024;
    const output = await succeed(['exec', 'web-0', '--', 'head', '-c', String(size), '/dev/zero'], options);
    assert.equal(output.length, size);
  });

  terminalTest(`kubectl exec -it over ${protocol} has a terminal`, embedded, async () => {
    const command = `stty rows 33 cols 77; exec kubectl -s ${open.url} exec -it web-0 -- sh`;
    const terminal = startInTerminal(command, { ...env, ...over });
    running.push(terminal);
    await seen(terminal, /\$ $/);
    const size = seen(terminal, /(\d+) (\d+)\r\n/);
    terminal.stdin.write('stty size\r');
    const [, rows, columns] = await size;
    assert.deepEqual([rows, columns], ['33', '77']);
    assertProtocol('exec');
    const ended = once(terminal, 'close');
    terminal.stdin.write('exit 5\r');
    const [code] = (await ended) as [number | null];
    assert.equal(code, 5);
  });

  kubectlTest(
    `kubectl attach over ${protocol} passes input to the process and shows its output`,
    embedded,
    async () => {
      const attach = start(['-s', open.url, 'attach', '-i', 'web-0'], over);
      const echoed = seen(attach, /typed in/);
      attach.stdin.write('typed in\n');
      await echoed;
      assertProtocol('attach');
      const logged = seen(attach, /from the process/);
      server.embedded.appendLog('default', 'web-0', 'from the process');
      await logged;
      const ended = once(attach, 'close');
      attach.stdin.end();
      assert.deepEqual(await ended, [0, null]);
    },
  );

  kubectlTest(`kubectl cp over ${protocol} copies a folder in both directions`, embedded, async () => {
    const source = join(folder, `cp-${protocol}`);
    const back = join(folder, `back-${protocol}`);
    await mkdir(join(source, 'sub'), { recursive: true });
    const big = randomBytes(3 * 1024 * 1024 + 1);
    await writeFile(join(source, 'big'), big);
    await writeFile(join(source, 'sub', 'small'), 'small');
    await succeed(['cp', source, `web-0:/tmp/cp-${protocol}`], options);
    await succeed(['cp', `web-0:/tmp/cp-${protocol}`, back], options);
    assert.deepEqual((await readdir(back)).sort(), ['big', 'sub']);
    assert.equal(sha256(await readFile(join(back, 'big'))), sha256(big));
    assert.equal(await readFile(join(back, 'sub', 'small'), 'utf8'), 'small');
    assertProtocol('exec');
  });

  kubectlTest(`kubectl port-forward over ${protocol} carries many connections`, embedded, async () => {
    const forward = start(['-s', open.url, 'port-forward', 'service/web', ':80'], over);
    const [, port] = await seen(forward, /Forwarding from 127\.0\.0\.1:(\d+) -> 80/);
    assertProtocol('portforward');
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const sent = randomBytes(512 * 1024 + 1);
        const client = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
        client.end(sent);
        const chunks: Buffer[] = [];
        for await (const chunk of client as AsyncIterable<Buffer>) chunks.push(chunk);
        assert.equal(sha256(Buffer.concat(chunks)), sha256(sent));
      }),
    );
  });

  kubectlTest(
    `a kubectl exec over ${protocol} that is killed leaves nothing open at the API server`,
    embedded,
    async () => {
      const exec = start(['-s', open.url, 'exec', 'web-1', '--', 'sleep', '600'], over);
      const request = await server.embedded.waitForRequest(
        ({ rawUrl, upgrade: asked, headers, closedAt }) =>
          asked && rawUrl.includes('sleep') && headers['upgrade'] === upgrade && closedAt === undefined,
      );
      exec.kill('SIGKILL');
      await within('its end at the API server', request.closed);
    },
  );
}
