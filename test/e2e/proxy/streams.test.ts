import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { open, send } from '../../support/clients/http-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually, until, within } from '../../support/eventually.js';
import { listen } from '../../support/ports.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { residentBytes } from '../../support/proxy/process-state.js';
import { type ProxyProcess, startProxy } from '../../support/proxy/proxy.js';
import { startStack } from '../../support/proxy/stack.js';
import { steady } from '../../support/steady.js';
import { type RawUpstream, startRawUpstream } from '../../support/upstreams/raw-upstream.js';

const megabyte = 1e6;
const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
const configMaps = '/api/v1/namespaces/kube-system/configmaps';

const proxied = await startStack({ after });
/** Programs with the same API server. */
const impatient = await startStack({ after }, { server: proxied.server, flags: ['--request-timeout=500ms'] });

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

describe('a watch', () => {
  test('has its headers at once even if nothing happens, and each event at once', async () => {
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

  test('has large and small events in order, to the byte', async () => {
    const sizes = [12_000, 20, 20_000, 1, 9_000, 8_192, 8_193, 3];
    const turns = Array.from({ length: 50 }, (_, turn) =>
      sizes.map((size, index) => String.fromCharCode(97 + ((turn + index) % 26)).repeat(size)),
    );
    const path = `${configMaps}?watch=1&sizes`;
    const stop = proxied.server.intercept(async (request, response) => {
      if (request.url !== path) return false;
      response.writeHead(200);
      for (const events of turns) {
        for (const event of events) response.write(event);
        await delay(1);
      }
      response.end();
      return true;
    });
    const parts: Buffer[] = [];
    for await (const part of await open(proxied.port, path)) parts.push(part as Buffer);
    stop();
    assert.ok(Buffer.concat(parts).equals(Buffer.from(turns.flat().join(''))));
  });

  test('that is quiet for longer than --request-timeout stays open and continues', async () => {
    const response = await open(impatient.port, `${configMaps}?watch=1&fieldSelector=metadata.name=late`);
    const lines = linesOf(response);
    await pastRequestTimeout();
    assert.equal(response.destroyed, false);
    const event = lines.next();
    await createConfigMap('late');
    assert.equal(JSON.parse(await event).object.metadata.name, 'late');
    response.destroy();
  });

  test('streams to an HTTP/1.0 client too', async () => {
    const connection = await connectRaw(proxied.port);
    connection.write(
      `GET ${configMaps}?watch=1&fieldSelector=metadata.name=old-client HTTP/1.0\r\nHost: localhost\r\n\r\n`,
    );
    await connection.until(/\r\n\r\n/);
    await createConfigMap('old-client');
    await connection.until(/"name":"old-client"[\s\S]*\n$/);
    assert.doesNotMatch(connection.received(), /transfer-encoding/i);
    connection.destroy();
  });

  test('that the API server ends is complete', async () => {
    const answer = await send(proxied.port, `${quietWatch}&timeoutSeconds=1`);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
  });

  test('from a version that is too old says 410 and is complete', async () => {
    const answer = await send(proxied.port, `${configMaps}?watch=true&resourceVersion=1`);
    assert.equal((answer.json as { object: { code: number } }).object.code, 410);
  });

  test('is not delayed by a slow answer on another client connection', async () => {
    let answer = () => {};
    const stop = proxied.server.intercept((request, response) => {
      if (request.url !== '/slow') return false;
      answer = () => response.end('slow');
      return true;
    });
    const slow = send(proxied.port, '/slow');
    await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/slow');
    const response = await within('headers', open(proxied.port, quietWatch));
    response.destroy();
    answer();
    assert.equal((await slow).text, 'slow');
    stop();
  });
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

test('a stream through a proxy subresource is passed on byte by byte', async () => {
  const path = '/api/v1/namespaces/default/services/web/proxy/events';
  let write = (_text: string) => {};
  const stop = proxied.server.intercept((request, response) => {
    if (request.url !== path) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    write = text => void response.write(text);
    return true;
  });
  const response = await open(proxied.port, path);
  const lines = linesOf(response);
  // Each line is sent only after the previous one has arrived.
  for (let count = 1; count <= 6; count += 1) {
    write(`data: ${count}\n`);
    assert.equal(await lines.next(), `data: ${count}`);
  }
  response.destroy();
  stop();
});

describe('a client that leaves', () => {
  test('a watch ends its upstream request at once', async () => {
    const path = `${quietWatch}&leaves=watch`;
    const response = await open(proxied.port, path);
    const record = await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === path);
    response.destroy();
    await within('end of the upstream request', record.closed);
    assert.equal(record.aborted, true);
  });

  test('before the first header ends its upstream request at once', async () => {
    const stop = proxied.server.intercept(request => request.url === '/silence');
    const connection = await connectRaw(proxied.port);
    connection.write('GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const record = await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/silence');
    connection.socket.resetAndDestroy();
    await within('end of the upstream request', record.closed);
    stop();
  });

  test('in the middle of its upload ends its upstream request at once', async () => {
    const stop = proxied.server.intercept(request => {
      request.resume();
      return request.url === '/half';
    });
    const connection = await connectRaw(proxied.port);
    connection.write('POST /half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf');
    const record = await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/half');
    connection.destroy();
    await within('end of the upstream request', record.closed);
    assert.equal(record.aborted, true);
    stop();
  });

  test('in the middle of a download ends its upstream request at once', async () => {
    const stop = proxied.server.intercept((request, response) => {
      if (request.url !== '/endless') return false;
      const timer = setInterval(() => response.write('x'.repeat(1000)), 5);
      response.once('close', () => clearInterval(timer));
      return true;
    });
    const response = await open(proxied.port, '/endless');
    await once(response, 'data');
    const record = await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === '/endless');
    response.destroy();
    await within('end of the upstream request', record.closed);
    stop();
  });

  test('during the dialling of the upstream connection ends the dialling at once', async () => {
    const open = new Set<net.Socket>();
    const deaf = net.createServer(socket => {
      open.add(socket);
      socket.on('error', () => {}).once('close', () => open.delete(socket));
      socket.resume();
    });
    await listen(deaf);
    const { authority } = await sharedIdentity();
    const kubeconfig = await writeKubeconfig({
      server: `https://127.0.0.1:${(deaf.address() as AddressInfo).port}`,
      ca: authority.certificate,
    });
    const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`]);
    try {
      // The program dials too, for its own requests.
      await until(() => open.size > 0);
      await steady(() => open.size);
      const own = open.size;
      const client = await connectRaw(proxy.port);
      client.write('GET /api/v1/pods HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await eventually('the dialling', () => open.size === own + 1);
      client.socket.resetAndDestroy();
      await eventually('the end of the dialling', () => open.size === own);
    } finally {
      await proxy.stop('SIGKILL');
      deaf.close();
    }
  });
});

describe('backpressure', () => {
  const size = 50 * megabyte;
  const uploaded = 160 * megabyte;
  const readers = 10;
  const block = Buffer.alloc(megabyte, 'payload ');
  // Half of them are watches.
  const paths = Array.from({ length: readers }, (_, index) =>
    index % 2 === 0 ? `/api/v1/events?watch=1&big=${index}` : `/api/v1/events?big=${index}`,
  );

  test('lets ten slow readers of 50 MB each use little memory, and they get all of it later', async () => {
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
      produced < 200 * megabyte,
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
    // 500 MB have passed. Part of them is garbage that has not been collected, more with each release of Node.
    const after = residentBytes(proxy.pid) - before;
    assert.ok(after < 250 * megabyte, `resident memory grew by ${Math.round(after / megabyte)} MB`);
    stop();
  });

  test('makes an uploading client wait if the API server reads slowly', async () => {
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
      headers: { 'content-length': uploaded },
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

// A thousand are tested in endurance/.
describe('two hundred watches', () => {
  const count = 200;

  test('all get their event, and plain requests do not wait for their end', async () => {
    const before = proxied.server.connections;
    const responses: http.IncomingMessage[] = [];
    const path = '/api/v1/namespaces/team-0/configmaps?watch=1&fieldSelector=metadata.name=news';
    for (let started = 0; started < count; started += 50) {
      const some = Array.from({ length: 50 }, () => open(proxied.port, path));
      responses.push(...(await within('headers of 50 watches', Promise.all(some))));
    }
    const events = responses.map(response => linesOf(response).next());

    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const getting = Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let turn = 0; turn < 50; turn += 1) {
          const answer = await send(proxied.port, '/api/v1/namespaces/default/pods', { agent });
          assert.equal(answer.status, 200);
        }
      }),
    );
    await send(proxied.port, '/api/v1/namespaces/team-0/configmaps', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'news' } }),
    });
    for (const event of await Promise.all(events)) assert.match(event, /^\{"type":"ADDED".*"name":"news"/);
    await within('the plain requests', getting);
    agent.destroy();
    for (const response of responses) response.destroy();
    // The connections of the plain requests stay open.
    await until(() => proxied.server.connections <= before + 10);
  });
});

describe('connections to the API server', () => {
  test('are reused', async () => {
    const { server, proxy } = proxied;
    await send(proxy.port, '/version');
    const before = server.connectionsAccepted;
    for (let turn = 0; turn < 20; turn += 1) await send(proxy.port, '/version');
    assert.equal(server.connectionsAccepted, before);
    const ten = () => Promise.all(Array.from({ length: 10 }, () => send(proxy.port, '/version')));
    for (let turn = 0; turn < 5; turn += 1) await ten();
    const opened = server.connectionsAccepted - before;
    assert.ok(opened < 10, `${opened} new connections for ten requests at a time`);
  });

  test('are reused after answers with errors and without bodies', async () => {
    const { server, proxy } = proxied;
    await send(proxy.port, '/version');
    const before = server.connectionsAccepted;
    for (const path of ['/no/such/path', '/api/v1/namespaces/default/pods/missing']) {
      assert.equal((await send(proxy.port, path)).status, 404);
      await send(proxy.port, '/version', { method: 'HEAD' });
    }
    assert.equal(server.connectionsAccepted, before);
  });

  test('survive a restart of the API server', async () => {
    const { server, proxy } = proxied;
    for (let turn = 0; turn < 5; turn += 1) await send(proxy.port, '/version');
    await server.restart();
    assert.equal((await send(proxy.port, '/version')).status, 200);
    await createConfigMap('after-restart');
    await server.restart();
    const some = await Promise.all(Array.from({ length: 20 }, () => send(proxy.port, '/version')));
    assert.deepEqual(
      some.map(({ status }) => status),
      some.map(() => 200),
    );
  });

  test('that the API server closes while they are idle cause no failed request', async () => {
    const { server, proxy } = proxied;
    for (let turn = 0; turn < 30; turn += 1) {
      assert.equal((await send(proxy.port, '/version')).status, 200);
      server.closeIdleConnections();
    }
  });

  test('end with the API server: an open watch is cut, not completed', async () => {
    const { server, proxy } = proxied;
    const response = await open(proxy.port, quietWatch);
    const cut = once(response.resume(), 'error');
    await server.restart();
    const [error] = (await within('cut', cut)) as [Error];
    assert.match(error.message, /aborted|ECONNRESET/);
  });
});

describe('a stale connection', () => {
  let upstream: RawUpstream;
  let proxy: ProxyProcess;

  before(async () => {
    upstream = await startRawUpstream(async request => {
      const { socket, turn, target, complete } = request;
      await complete;
      const attempt = upstream.requests.filter(other => other.target === target).length;
      const ok = `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.method === 'HEAD' ? '' : 'ok'}`;
      if (target === '/warm') socket.write(ok);
      else if (target.startsWith('/always-closes')) socket.destroy();
      else if (target.startsWith('/part')) socket.end('HTTP/1.1 2');
      else if (target.startsWith('/ends') && turn > 1 && attempt === 1) socket.end();
      else if (turn > 1 && attempt === 1) socket.destroy();
      else socket.write(ok);
    });
    const kubeconfig = await upstream.writeKubeconfig();
    proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`]);
  });
  after(async () => {
    await proxy?.stop('SIGKILL');
    await upstream?.close();
  });

  const attempts = (target: string) => upstream.requests.filter(request => request.target === target);

  /** Leaves one idle upstream connection that has carried a request, then sends. */
  async function sendOnReused(target: string, question: Parameters<typeof send>[2] = {}) {
    assert.equal((await send(proxy.port, '/warm')).status, 200);
    const answer = await send(proxy.port, target, question);
    assert.ok((attempts(target)[0]?.turn ?? 0) > 1, 'the first attempt went over the reused connection');
    return answer;
  }

  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    for (const how of ['resets', 'ends']) {
      test(`that ${how} when the next ${method} arrives causes no failed request`, async () => {
        const target = `/${how}-${method}`;
        assert.equal((await sendOnReused(target, { method })).status, 200);
        assert.equal(attempts(target).length, 2);
        assert.equal(attempts(target)[1]?.turn, 1, 'the second attempt has a connection of its own');
      });
    }
  }

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    test(`never sends a ${method} twice`, async () => {
      for (const body of ['{}', undefined]) {
        const target = `/write-${method}-${body}`;
        const answer = await sendOnReused(target, { method, ...(body === undefined ? {} : { body }) });
        assert.equal(answer.status, 502);
        assert.equal(attempts(target).length, 1);
      }
    });
  }

  test('never sends a GET with a body twice', async () => {
    const answer = await sendOnReused('/get-with-body', { body: '{}' });
    assert.equal(answer.status, 502);
    assert.equal(attempts('/get-with-body').length, 1);
  });
});
