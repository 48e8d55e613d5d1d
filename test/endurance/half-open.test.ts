import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type KubeconfigFile, writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { type ProxyProcess, startProxy } from '../support/proxy/proxy.js';
import { createFarNetwork, type FarNetwork } from './far-network.js';

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
