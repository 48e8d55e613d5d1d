import assert from 'node:assert/strict';
import { constants, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { legs, send } from '../../../e2e/leg.js';
import { eventually, eventuallyPasses } from '../../../support/eventually.js';
import { isInstalled } from '../../../support/installed.js';
import { listenFor } from '../../../support/ports.js';
import { program } from '../../../support/project.js';
import { runToEnd, startInside, startRun } from '../../../support/proxy/guarded-run.js';
import { writeKubeconfig } from '../../../support/proxy/kubeconfig-file.js';
import { runProgram } from '../../../support/proxy/proxy.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { startStrictUpstream } from '../../../support/upstreams/strict-upstream.js';

const upstream = await startStrictUpstream(({ target, values }, socket) => {
  const isUpgrade = values('upgrade').length > 0;
  const head = isUpgrade
    ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket'
    : /slow/.test(target)
      ? 'HTTP/1.1 200 OK\r\nContent-Length: 5'
      : 'HTTP/1.1 200 OK\r\nContent-Length: 0';
  socket.write(`${head}\r\n\r\n`);
});
after(() => upstream.stop());
const { path: kubeconfig } = await upstream.writeKubeconfig();
const flag = `--kubeconfig=${kubeconfig}`;

/** An environment whose folders of runs are in a folder of the test's own. */
function environment(): { readonly parent: string; readonly env: Readonly<Record<string, string>> } {
  const parent = temporaryFolder();
  return { parent, env: { XDG_RUNTIME_DIR: parent } };
}

/** Whether anything listens on a port of this machine. */
function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

test('a command reaches the API by its kubeconfig, which it may change, nobody else does, and after it nothing is left', async t => {
  const { parent, env } = environment();
  const inside = await startInside(t, [flag], { env });
  const { port, base, path, child, exited } = inside;
  assert.match(base, /^\/[0-9a-f]{32}$/);
  assert.equal(dirname(dirname(path)), parent);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  for (const leg of ['plain', 'websocket', 'spdy'] as const) {
    const target = `${base}/api/v1/namespaces/a/pods/b/portforward`;
    assert.equal((await send(port, { leg, target })).code, leg === 'plain' ? 200 : 101, leg);
    const outside = ['/', '/version', '/-/', '/-/metrics', '/-/kubeconfig', '/-/ui/', '/-/clusters'];
    for (const target of [...outside, ...outside.slice(2).map(own => base + own)])
      assert.equal((await send(port, { leg, target })).code, 404, `${leg} ${target}`);
  }
  writeFileSync(path, 'clusters: []');
  assert.equal((await send(port, { target: `${base}/version` })).code, 200);
  child.stdin.end();
  assert.deepEqual(await exited, { code: 0, signal: null });
  assert.deepEqual(readdirSync(parent), []);
  assert.equal(await listens(port), false);
  assert.match(inside.stderr(), /^kube-api-proxy: context "test": refused are exec, attach; .*\n$/);
});

test('the exit code is that of the command, as a shell says it, and the command alone has standard output', async t => {
  const folder = temporaryFolder();
  const [plain, script] = [join(folder, 'plain'), join(folder, 'script')];
  writeFileSync(plain, 'x');
  writeFileSync(script, 'exit 5', { mode: 0o755 });
  const { parent, env } = environment();
  const cases: readonly (readonly [command: readonly string[], code: number, stderr: string])[] = [
    [['sh', '-c', 'kill -9 $$'], 137, ''],
    [['sh', '-c', 'exec <&- >&- 2>&-; exit 3'], 3, ''],
    [['--', 'true'], 127, 'kube-api-proxy: --: not found\n'],
    [['no-such-command', '--kubeconfig=x'], 127, 'kube-api-proxy: no-such-command: not found\n'],
    [[plain], 126, `kube-api-proxy: ${plain}: not executable\n`],
    [[folder], 127, `kube-api-proxy: ${folder}: not found\n`],
    [[script], 5, ''],
  ];
  await Promise.all(
    cases.map(async ([command, code, stderr]) => {
      const end = await runToEnd(t, [flag, '--quiet', '--', ...command], env);
      assert.deepEqual(end, { code, signal: null, stdout: '', stderr }, command.join(' '));
    }),
  );
  assert.deepEqual(readdirSync(parent), []);
});

test('arguments that make no sense are refused in one line each, before the command starts', async t => {
  const made = join(temporaryFolder(), 'made');
  const command = ['--', 'touch', made];
  const cases: readonly (readonly [args: readonly string[], lines: readonly RegExp[]])[] = [
    [[flag], [/^run needs -- and a command after it: kube-api-proxy run \[flags\] -- COMMAND \[ARGS\]$/]],
    [[flag, '--'], [/^run needs -- and a command/]],
    [
      [flag, 'k9s'],
      [/^argument 3, after --kubeconfig, is not a flag$/, /^run needs --/],
    ],
    [
      [
        ...[flag, '-p', '1', '--address=127.0.0.1', '--admin-port=2', '--api-prefix=/', '-n', 'shop'],
        ...[`--log-file=${made}/x`, ...command],
      ],
      [
        ...[
          /^--namespace has no effect with run$/,
          /^--port cannot be used with run: it chooses a free port$/,
        ],
        ...[/^--address cannot/, /^--admin-port cannot/, /^--api-prefix cannot/],
        /^--log-file: .*made\/x: no such file$/,
      ],
    ],
    [[flag, '--unix-socket=/x', ...command], [/^--unix-socket cannot/]],
    [
      [flag, '--all-contexts', '--contexts=other', ...command],
      [/^--contexts does not match "test", the current context; choose another one with --context$/],
    ],
  ];
  await Promise.all(
    cases.map(async ([args, lines]) => {
      const { code, stdout, stderr } = await runToEnd(t, args);
      assert.deepEqual([code, stdout], [1, ''], args.join(' '));
      const printed = stderr.trimEnd().split('\n');
      assert.equal(printed.length, lines.length, stderr);
      for (const [index, line] of printed.entries())
        assert.match(line.replace(/^kube-api-proxy: /, ''), lines[index] as RegExp);
    }),
  );
  const named = await runToEnd(t, [flag, ...command], { KUBE_API_PROXY_PORT: '9000' });
  assert.match(named.stderr, /^kube-api-proxy: KUBE_API_PROXY_PORT cannot be used with run/);
  assert.ok(!existsSync(made));
});

test('standard error stays a blocking pipe for the command', async t => {
  const script =
    'while read name value; do [ "$name" = flags: ] && echo "$value"; done < /proc/self/fdinfo/2';
  const end = await runToEnd(t, [flag, '--', 'sh', '-c', script]);
  assert.equal(Number.parseInt(end.stdout, 8) & constants.O_NONBLOCK, 0, end.stdout);
  assert.match(end.stdout, /^\d+\n$/);
});

test('a command has its arguments, and starts though its cluster is down', async t => {
  const { path } = await writeKubeconfig({ server: 'https://127.0.0.1:1', token: 't' });
  const command = ['printf', '%s|', '--read-only', '--', 'a b'];
  const end = await runToEnd(t, [`--kubeconfig=${path}`, '--quiet', '--', ...command]);
  assert.deepEqual([end.code, end.stdout, end.stderr], [0, '--read-only|--|a b|', '']);
});

test('--dry-run says what would be allowed, prints the kubeconfig, and starts nothing', async t => {
  const { parent, env } = environment();
  const made = join(temporaryFolder(), 'made');
  for (const command of [[], ['--', 'touch', made]]) {
    const { code, stdout, stderr } = await runToEnd(t, [flag, '--read-only', '--dry-run', ...command], env);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^# reads: allowed$/m);
    assert.match(stdout, /^# writes: refused: the request is refused by --read-only/m);
    assert.match(stdout, /^# exec: refused: .*--reject-paths= allows exec and attach$/m);
    assert.match(stdout, /^ {6}server: "http:\/\/127\.0\.0\.1:PORT\/SECRET"$/m);
  }
  assert.ok(!existsSync(made));
  assert.deepEqual(readdirSync(parent), []);
});

test('rules hold for the command on each leg, and with --all-contexts it has the other contexts', async t => {
  const file = join(temporaryFolder(), 'two.yaml');
  const text = readFileSync(kubeconfig, 'utf8');
  const more = stringify({
    contexts: [
      { name: 'test', context: { cluster: 'test', user: 'test', namespace: 'shop' } },
      { name: 'a/b', context: { cluster: 'test', user: 'test' } },
      { name: 'left-out', context: { cluster: 'test', user: 'test' } },
    ],
  });
  writeFileSync(file, text.replace(/^contexts:\n(?:[ -].*\n)*/m, more));
  const flags = [`--kubeconfig=${file}`, '--all-contexts', '--contexts=test,a/b', '--reject-paths=/secrets'];
  const inside = await startInside(t, flags);
  const { port, base, kubeconfig: written } = inside;
  assert.deepEqual(written.contexts, [
    { name: 'test', context: { cluster: 'test', namespace: 'shop' } },
    { name: 'a/b', context: { cluster: 'a/b' } },
  ]);
  const servers = written.clusters.map(({ cluster }) => cluster.server);
  assert.deepEqual(
    servers,
    ['test', 'a%2Fb'].map(name => `http://127.0.0.1:${port}${base}/clusters/${name}`),
  );
  for (const leg of Object.keys(legs) as (keyof typeof legs)[]) {
    for (const below of ['', '/clusters/test', '/clusters/a%2Fb']) {
      const before = upstream.requests.length;
      assert.equal((await send(port, { leg, target: `${base}${below}/api/v1/secrets` })).code, 403, below);
      assert.equal(upstream.requests.length, before);
      assert.notEqual((await send(port, { leg, target: `${base}${below}/api/v1/pods` })).code, 403, below);
    }
    assert.equal((await send(port, { leg, target: `${base}/clusters/left-out/api` })).code, 404);
  }
});

test('requests of the command go below the path of the server’s URL', async t => {
  const { path } = await upstream.writeKubeconfig();
  const own = join(temporaryFolder(), 'config');
  writeFileSync(own, readFileSync(path, 'utf8').replace(/(server: .*)/, '$1/k8s/clusters/c-1'));
  const { port, base } = await startInside(t, [`--kubeconfig=${own}`]);
  assert.equal((await send(port, { target: `${base}/version` })).code, 200);
  assert.equal(upstream.requests.at(-1)?.target, '/k8s/clusters/c-1/version');
});

test('SIGTERM and SIGHUP, and without a terminal SIGINT, are for the command; SIGQUIT is not', async t => {
  const numbers = { SIGTERM: 15, SIGHUP: 1, SIGINT: 2 } as const;
  await Promise.all(
    (['SIGTERM', 'SIGHUP', 'SIGINT'] as const).map(async signal => {
      const number = numbers[signal];
      const script = `trap 'echo got ${number}; exit 9' ${number}; while :; do sleep 0.1; done`;
      const { child, stdout, exited } = await startInside(t, [flag], { script });
      child.kill('SIGQUIT');
      child.kill(signal);
      assert.deepEqual(await exited, { code: 9, signal: null }, signal);
      assert.match(stdout(), new RegExp(`got ${number}\n$`));
    }),
  );
});

test('a command that ignores SIGTERM is killed after --shutdown-grace', async t => {
  const script = `trap '' TERM; while :; do sleep 0.1; done`;
  const { child, exited, path } = await startInside(t, [flag, '--shutdown-grace=300ms'], { script });
  child.kill('SIGTERM');
  assert.deepEqual(await exited, { code: 137, signal: null });
  assert.ok(!existsSync(dirname(path)));
});

test('processes that the command leaves behind lose the proxy', async t => {
  const script = 'sleep 30 >/dev/null 2>&1 & echo "child $!"; echo ----';
  const { stdout, exited, port } = await startInside(t, [flag], { script });
  assert.equal((await exited).code, 0);
  const pid = Number(/child (\d+)/.exec(stdout())?.[1]);
  t.after(() => process.kill(pid));
  process.kill(pid, 0);
  assert.equal(await listens(port), false);
});

test('open requests have the grace of a shutdown when the command has ended', async t => {
  const inside = await startInside(t, [flag, '--shutdown-grace=1s']);
  const slow = send(inside.port, { target: `${inside.base}/slow` });
  await eventually('the request is at the API server', () =>
    upstream.requests.some(({ target }) => target === '/slow'),
  );
  inside.child.stdin.end();
  assert.equal((await inside.exited).code, 0);
  assert.equal((await slow).code, 200);
});

test('if the proxy is killed, the command is told to end where setpriv can do that, and the next run removes the folder', async t => {
  const { parent, env } = environment();
  const { child, exited, path, pid } = await startInside(t, [flag], { env });
  child.kill('SIGKILL');
  await exited;
  assert.ok(existsSync(path));
  if (isInstalled('setpriv'))
    await eventuallyPasses(() => assert.throws(() => process.kill(pid, 0), /ESRCH/));
  else process.kill(pid);
  const end = await runToEnd(t, [flag, '--quiet', '--', 'true'], env);
  assert.deepEqual([end.code, end.stderr], [0, '']);
  assert.deepEqual(readdirSync(parent), []);
});

test('a run in a run goes through both, and its log does not have the secret of the outer one', async t => {
  const log = join(temporaryFolder(), 'log');
  const script = `"$NODE" "$PROGRAM" run --reject-paths=/inner --quiet --log-file=${log} -- sh -c 'cat "$KUBECONFIG"; echo ----; cat'`;
  const inside = await startInside(t, [flag, '--reject-paths=/outer'], {
    script,
    env: { NODE: process.execPath, PROGRAM: program, KUBE_API_PROXY_READ_ONLY: 'true' },
  });
  const inner = await eventuallyPasses(() => {
    const [, server] = /---\n[\s\S]*server: "(.*)"[\s\S]*----/.exec(inside.stdout()) ?? [];
    assert.ok(server !== undefined, inside.stdout() + inside.stderr());
    return new URL(server);
  });
  const ask = async (path: string, method = 'GET') =>
    (await send(Number(inner.port), { method, target: inner.pathname + path })).code;
  assert.notEqual(inner.pathname, inside.base);
  assert.equal(await ask('/version'), 200);
  assert.equal(upstream.requests.at(-1)?.target, '/version');
  assert.equal(await ask('/inner'), 403);
  assert.equal(await ask('/outer'), 403);
  assert.equal(await ask('/api/v1/pods', 'DELETE'), 403);
  inside.child.stdin.end();
  assert.equal((await inside.exited).code, 0);
  const text = readFileSync(log, 'utf8');
  assert.match(text, /"path":"\/version"/);
  for (const secret of [inside.base, inner.pathname]) assert.ok(!text.includes(secret.slice(1)), text);
});

test('flags of run are problems without it', async t => {
  const port = await listenFor(t, net.createServer());
  const { code, stderr } = await runProgram([flag, `--port=${port}`, '--dry-run', '--quiet', '--log-file=x']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^kube-api-proxy: --dry-run is for kube-api-proxy run \[flags\] -- COMMAND \[ARGS\]$/m,
  );
  for (const name of ['--quiet', '--log-file']) assert.match(stderr, new RegExp(`: ${name} is for`));
});

test('a start that is interrupted leaves nothing', async t => {
  const { parent, env } = environment();
  const { child, exited } = startRun(t, [flag, '--', 'sleep', '30'], env);
  child.kill('SIGINT');
  assert.notEqual((await exited).code, 0);
  assert.deepEqual(readdirSync(parent), []);
});
