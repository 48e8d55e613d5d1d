import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import { open, send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually, within } from '../../support/eventually.js';
import { listenFor } from '../../support/ports.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { addContext, startManyStack } from '../../support/proxy/many-clusters.js';
import { residentBytes } from '../../support/proxy/process-state.js';
import { startStack } from '../../support/proxy/stack.js';
import { steady } from '../../support/steady.js';
import { startRawStack } from '../../support/upstreams/raw-upstream.js';

const megabyte = 1e6;
const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const configMaps = '/api/v1/namespaces/kube-system/configmaps';

const proxied = await startStack({ after });
/** A program with the same API server. */
const impatient = await startStack(
  { after },
  { run: startInProcess, server: proxied.server, flags: ['--request-timeout=500ms'] },
);

/** Waits until a request that begins now has been ended by --request-timeout. */
async function pastRequestTimeout(): Promise<void> {
  const stop = proxied.server.intercept(request => request.url === '/given-up');
  assert.equal((await send(impatient.port, '/given-up')).status, 504);
  stop();
}

/** The lines of a streamed answer as they come. */
function linesOf(response: http.IncomingMessage): { next(): Promise<string> } {
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    response.emit('lines');
  });
  response.on('error', () => {});
  const next = async () => {
    while (!text.includes('\n')) await once(response, 'lines');
    const [line = ''] = text.split('\n', 1);
    text = text.slice(line.length + 1);
    return line;
  };
  return { next: () => within('a line', next()) };
}

async function createConfigMap(name: string): Promise<void> {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const answer = await send(proxied.port, configMaps, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(answer.status, 201, answer.text);
}

test('a watch has its headers at once even if nothing happens, and each event at once', async () => {
  const response = await within('headers', open(proxied.port, `${configMaps}?watch=1`));
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers['transfer-encoding'], 'chunked');
  const lines = linesOf(response);
  for (const name of ['first', 'second', 'third']) {
    const event = lines.next();
    await createConfigMap(name);
    const { type, object } = JSON.parse(await event);
    assert.equal(type, 'ADDED');
    assert.equal(object.metadata.name, name);
  }
  response.destroy();
});

test('a followed log has its headers at once and each line at once', async () => {
  const path = '/api/v1/namespaces/default/pods/web-0/log?follow=true&tailLines=0';
  const response = await within('headers', open(impatient.port, path));
  const lines = linesOf(response);
  for (const line of ['one', 'two', 'three']) {
    const next = lines.next();
    proxied.server.appendLog('default', 'web-0', line);
    assert.equal(await next, line);
  }
  await pastRequestTimeout();
  proxied.server.appendLog('default', 'web-0', 'after --request-timeout');
  assert.equal(await lines.next(), 'after --request-timeout');
  response.destroy();
});

describe('a client that leaves', () => {
  const requests: Readonly<Record<string, string>> = {
    'a watch': `GET ${quietWatch}&leaves HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    'before the first header': 'GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'in the middle of its upload':
      'POST /half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf',
    'in the middle of a download': 'GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n',
  };

  test('ends its upstream request at once, whenever that is', async () => {
    const stop = proxied.server.intercept((request, response) => {
      request.resume();
      if (request.url !== '/endless') return request.url === '/silence' || request.url === '/half';
      const timer = setInterval(() => response.write('x'.repeat(1000)), 5);
      response.once('close', () => clearInterval(timer));
      return true;
    });
    for (const [when, request] of Object.entries(requests)) {
      const connection = await connectRaw(proxied.port);
      connection.write(request);
      const record = await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === request.split(' ')[1]);
      if (/watch|download/.test(when)) await connection.until(/\r\n\r\n/);
      connection.socket.resetAndDestroy();
      await within(`end of the upstream request: ${when}`, record.closed);
      assert.equal(record.aborted, true, when);
    }
    stop();
  });

  test('during the dialling of the upstream connection ends the dialling at once', async t => {
    const open = new Set<net.Socket>();
    const deaf = net.createServer(socket => {
      open.add(socket);
      socket.on('error', () => {}).once('close', () => open.delete(socket));
      socket.resume();
    });
    const server = `https://127.0.0.1:${await listenFor(t, deaf)}`;
    // The program itself dials no API server whose context nobody has asked for.
    const { port } = await startManyStack(t, {
      run: startInProcess,
      edit: (config, { one }) => addContext(config, 'deaf', one, { cluster: { server } }),
    });
    const client = await connectRaw(port);
    client.write('GET /clusters/deaf/api/v1/pods HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually('the dialling', () => open.size === 1);
    client.socket.resetAndDestroy();
    // A handshake has ten seconds.
    await eventually('the end of the dialling', () => open.size === 0, 8_000);
  });
});

describe('backpressure', () => {
  const size = 40 * megabyte;
  const uploaded = 80 * megabyte;
  const readers = 6;
  const block = Buffer.alloc(megabyte, 'payload ');
  // Half of them are watches.
  const paths = Array.from({ length: readers }, (_, index) =>
    index % 2 === 0 ? `/api/v1/events?watch=1&big=${index}` : `/api/v1/events?big=${index}`,
  );

  test('lets six slow readers of 40 MB each use little memory, and they get all of it later', async () => {
    let produced = 0;
    const stop = proxied.server.intercept((request, response) => {
      if (!paths.includes(request.url ?? '')) return false;
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      let left = size / block.length;
      const fill = () => {
        while (left > 0) {
          left -= 1;
          produced += block.length;
          if (!response.write(block)) {
            response.once('drain', fill);
            return;
          }
        }
        response.end();
      };
      fill();
      return true;
    });
    const { proxy, port } = proxied;
    const before = residentBytes(proxy.pid);
    const responses = await Promise.all(paths.map(path => open(port, path)));
    await steady(() => produced);
    const most = residentBytes(proxy.pid) - before;
    assert.ok(
      produced < 120 * megabyte,
      `the API server is held back too, not ${produced / megabyte} MB ahead`,
    );
    assert.ok(most < 100 * megabyte, `resident memory grew by ${Math.round(most / megabyte)} MB`);
    const lengths = await Promise.all(
      responses.map(async response => {
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
        });
        await once(response, 'end');
        return length;
      }),
    );
    assert.deepEqual(
      lengths,
      responses.map(() => size),
    );
    // 240 MB have passed. Part of them is garbage that has not been collected, more with each release of Node.
    const after = residentBytes(proxy.pid) - before;
    assert.ok(after < 200 * megabyte, `resident memory grew by ${Math.round(after / megabyte)} MB`);
    stop();
  });

  test('makes a client wait that uploads in chunks if the API server reads slowly', async () => {
    let received = 0;
    let read = () => {};
    const reading = new Promise<void>(resolve => {
      read = resolve;
    });
    const hash = createHash('sha256');
    const expected = createHash('sha256');
    const stop = proxied.server.intercept(async (request, response) => {
      if (request.url !== '/api/v1/namespaces/default/services/web/proxy/slow-reader') return false;
      request.pause();
      await reading;
      request.on('data', (chunk: Buffer) => {
        received += chunk.length;
        hash.update(chunk);
      });
      request.resume();
      await once(request, 'end');
      response.end('read');
      return true;
    });
    const before = residentBytes(proxied.proxy.pid);
    const request = http.request({
      host: '127.0.0.1',
      port: proxied.port,
      path: '/api/v1/namespaces/default/services/web/proxy/slow-reader',
      method: 'POST',
      agent: false,
      headers: { 'transfer-encoding': 'chunked' },
    });
    const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
    let sent = 0;
    const sending = (async () => {
      for (; sent < uploaded; sent += block.length) {
        // Each has its number in it, to detect repeated or reordered bytes.
        const part = Buffer.concat([Buffer.from(String(sent).padStart(12)), block.subarray(12)]);
        expected.update(part);
        if (!request.write(part)) await once(request, 'drain');
      }
      request.end();
    })();
    await steady(() => sent);
    const grown = residentBytes(proxied.proxy.pid) - before;
    assert.ok(sent < 60 * megabyte, `the client could send ${sent / megabyte} MB`);
    assert.ok(grown < 60 * megabyte, `resident memory grew by ${Math.round(grown / megabyte)} MB`);
    read();
    await sending;
    const [response] = await answered;
    assert.equal(response.statusCode, 200);
    response.resume();
    assert.equal(received, uploaded);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
    const after = residentBytes(proxied.proxy.pid) - before;
    assert.ok(after < 150 * megabyte, `resident memory grew by ${Math.round(after / megabyte)} MB`);
    stop();
  });
});

describe('a stale connection', async () => {
  const { upstream, proxy } = await startRawStack(
    { after },
    async ({ socket, turn, target, method, complete }) => {
      await complete;
      const isFirst = attempts(target).length === 1;
      if (target === '/warm' || turn === 1 || !isFirst) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${method === 'HEAD' ? '' : 'ok'}`);
      } else if (target.startsWith('/ends')) socket.end();
      else socket.destroy();
    },
  );

  const attempts = (target: string) => upstream.requests.filter(request => request.target === target);

  /** Leaves one idle upstream connection that has carried a request, then sends. */
  async function sendOnReused(target: string, question: Parameters<typeof send>[2]) {
    assert.equal((await send(proxy.port, '/warm')).status, 200);
    const answer = await send(proxy.port, target, question);
    assert.ok((attempts(target)[0]?.turn ?? 0) > 1, 'the first attempt went over the reused connection');
    return answer;
  }

  test('causes no failed request if it resets or ends when the next one arrives', async () => {
    for (const target of ['GET', 'HEAD', 'OPTIONS'].flatMap(each => [`/resets-${each}`, `/ends-${each}`])) {
      const [, method = ''] = target.split('-');
      assert.equal((await sendOnReused(target, { method })).status, 200);
      assert.deepEqual(
        attempts(target).map(({ turn }) => turn === 1),
        [false, true],
        'a new connection',
      );
    }
  });

  test('never sends a request twice that writes, or that has a body', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET']) {
      for (const body of ['{}', undefined]) {
        if (method === 'GET' && body === undefined) continue;
        const target = `/write-${method}-${body}`;
        const answer = await sendOnReused(target, { method, ...(body === undefined ? {} : { body }) });
        assert.deepEqual([answer.status, attempts(target).length], [502, 1], target);
      }
    }
  });
});
