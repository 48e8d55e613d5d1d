import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type KubeconfigFile, writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy } from '../support/proxy/proxy.js';

/** Two network namespaces with a cable between them, which look like two machines to TCP. */
interface FarNetwork {
  /** The command that executes a program on this side of the cable, or on the far side. */
  readonly near: readonly string[];
  readonly far: readonly string[];
  /** The far side's address. */
  readonly address: string;
  /** From now on every packet is lost, silently. */
  cut(): void;
  /** Packets arrive again. */
  mend(): void;
  /** How often the kernel of the near side sends unacknowledged data again: `net.ipv4.tcp_retries2`. */
  setRetries(count: number): void;
  close(): void;
}

/** Undefined if network namespaces need privileges here, or if the tools for them are missing (Linux only). */
async function createFarNetwork(): Promise<FarNetwork | undefined> {
  const holders: ChildProcess[] = [];
  try {
    const outer = await hold(['unshare', '--map-root-user', '--net'], holders);
    const near = ['nsenter', `--target=${outer}`, '--user', '--net', '--preserve-credentials'];
    const inner = await hold([...near, 'unshare', '--net'], holders);
    const far = ['nsenter', `--target=${inner}`, '--user', '--net', '--preserve-credentials'];
    const run = (side: readonly string[], command: string) => {
      const [program = '', ...args] = [...side, ...command.split(' ')];
      execFileSync(program, args, { stdio: 'ignore' });
    };
    run(near, `ip link add name near0 address 02:00:00:00:00:01 type veth peer name far0 netns ${inner}`);
    run(far, 'ip link set dev far0 address 02:00:00:00:00:02');
    run(near, 'ip addr add 192.0.2.1/24 dev near0');
    run(far, 'ip addr add 192.0.2.2/24 dev far0');
    const mend = () => {
      run(far, 'ip link set dev far0 up');
      // The neighbour is permanent, so that a lost packet does not make the host unreachable.
      run(far, 'ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev far0 nud permanent');
    };
    run(near, 'ip link set dev lo up');
    run(near, 'ip link set dev near0 up');
    mend();
    run(near, 'ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev near0 nud permanent');
    return {
      near,
      far,
      address: '192.0.2.2',
      cut: () => run(far, 'ip link set dev far0 down'),
      mend,
      setRetries: count => run(near, `sysctl -qw net.ipv4.tcp_retries2=${count}`),
      close: () => release(holders),
    };
  } catch {
    release(holders);
    return undefined;
  }
}

/** Starts a process that keeps a namespace alive, and returns its process id. */
async function hold([command = '', ...args]: readonly string[], holders: ChildProcess[]): Promise<number> {
  const child = spawn(command, [...args, 'sh', '-c', 'echo $$; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  holders.push(child);
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject).once('exit', () => reject(new Error(`${command} ended`)));
  });
  failed.catch(() => {});
  const [text] = (await Promise.race([once(child.stdout, 'data'), failed])) as [Buffer];
  return Number(text.toString());
}

function release(holders: readonly ChildProcess[]): void {
  for (const child of holders) child.stdin?.destroy();
}

/** An API server for the far side: watches stay open and quiet, upgrades are accepted, and everything else is answered. */
const farServer = `
  const server = require('node:http').createServer((request, response) => {
    request.resume();
    if (request.url.includes('watch')) response.flushHeaders();
    else response.end('ok');
  });
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: x\\r\\n\\r\\n');
  });
  server.listen(6443, () => console.log('listening'));
`;

/** Seconds of silence before the first probe; the default would take too long. */
const quiet = process.env['ENDURANCE'] === undefined ? 1 : 15;

let network: FarNetwork | undefined;
let server: ChildProcess;
let kubeconfig: KubeconfigFile;
/** Programs without and with a time limit for each request. */
const programs: { usual?: ProxyProcess; limited?: ProxyProcess } = {};

before(async () => {
  network = await createFarNetwork();
  if (network === undefined) return;
  const [command = '', ...rest] = [...network.far, process.execPath, '-e', farServer];
  server = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout as NodeJS.ReadableStream, 'data');
  kubeconfig = await writeKubeconfig({ server: `http://${network.address}:6443` });
  const start = (name: string, ...args: string[]) =>
    startProxy(
      [`--kubeconfig=${kubeconfig.path}`, `--unix-socket=${join(kubeconfig.directory, name)}`, ...args],
      {},
      network?.near,
    );
  programs.usual = await start('usual', `--keepalive=${quiet}s`);
  programs.limited = await start('limited', '--request-timeout=3s');
});

after(async () => {
  for (const program of Object.values(programs)) await program.stop('SIGKILL');
  server?.kill('SIGKILL');
  network?.close();
});

interface Stream {
  /** Resolves when the program has cut the stream, with the milliseconds since its start. */
  readonly cut: Promise<number>;
}

function request(program: ProxyProcess | undefined, options: http.RequestOptions): http.ClientRequest {
  const sent = http.request({
    socketPath: program?.address,
    headers: { host: 'localhost' },
    agent: false,
    ...options,
  });
  return sent.on('error', () => {});
}

async function open(program: ProxyProcess | undefined, upgrade: boolean): Promise<Stream> {
  const sent = request(program, {
    path: '/api/v1/pods?watch=1',
    headers: { host: 'localhost', ...(upgrade ? { connection: 'upgrade', upgrade: 'x' } : {}) },
  });
  sent.end();
  const answer = (await once(sent, upgrade ? 'upgrade' : 'response')) as [
    http.IncomingMessage,
    NodeJS.ReadableStream,
  ];
  const stream = upgrade ? answer[1] : answer[0];
  stream.on('error', () => {}).resume();
  const began = Date.now();
  return { cut: new Promise(resolve => stream.once('close', () => resolve(Date.now() - began))) };
}

/** Sends a request and returns the code of its answer and how long it took. */
async function ask(
  program: ProxyProcess | undefined,
  method: string,
): Promise<{ code?: number | undefined; took: number }> {
  const began = Date.now();
  const sent = request(program, { path: '/api/v1/pods', method });
  sent.end();
  const [answer] = (await Promise.race([once(sent, 'response'), once(sent, 'close')])) as [
    http.IncomingMessage?,
  ];
  answer?.resume();
  return { code: answer?.statusCode, took: Date.now() - began };
}

describe('an API server that disappears without a packet', { timeout: 90_000 }, () => {
  test('is detected in the time that the README states, and used again when it is back', async t => {
    if (network === undefined) return t.skip('no network namespaces without privileges here');
    const { usual, limited } = programs;
    const streams = [await open(usual, false), await open(usual, true)];
    // This leaves each of them an idle connection for the next request.
    for (const program of [usual, limited]) assert.equal((await ask(program, 'GET')).code, 200);
    network.setRetries(4);
    network.cut();

    const unacknowledged = ask(usual, 'POST');
    const withLimit = ask(limited, 'POST');
    for (const { cut } of streams) {
      const took = await cut;
      // After the silence there are ten probes, one per second.
      const least = quiet * 1000;
      assert.ok(took > least && took < least + 22_000, `${took} ms`);
    }
    // The kernel gives up on unacknowledged data: after 0.2 s, doubled four times here, 15 times by default.
    const post = await unacknowledged;
    assert.equal(post.code, 504);
    assert.ok(post.took > 2000 && post.took < 30_000, `${post.took} ms`);
    const limitedPost = await withLimit;
    assert.equal(limitedPost.code, 504);
    assert.ok(limitedPost.took >= 3000 && limitedPost.took < 25_000, `${limitedPost.took} ms`);

    network.mend();
    for (const program of [usual, limited]) {
      let code: number | undefined;
      for (let turn = 0; turn < 50 && code !== 200; turn += 1) {
        ({ code } = await ask(program, 'GET'));
        await delay(200);
      }
      assert.equal(code, 200);
    }
    await open(usual, false);
    await open(usual, true);
  });
});
