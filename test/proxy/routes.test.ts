import assert from 'node:assert/strict';
import http, { type IncomingMessage } from 'node:http';
import { after, test } from 'node:test';
import { fieldValue } from '../../src/http/header-fields.js';
import type { Route } from '../../src/proxy/route.js';
import { lastingBytes } from '../../src/transport/borrowed-bytes.js';
import type { ResponseSink } from '../../src/transport/round-trip.js';
import { send } from '../support/clients/http-client.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { eventually } from '../support/eventually.js';
import { listenFor } from '../support/ports.js';
import { startProxyApp } from './proxy-app.js';

const asked: string[] = [];
const aborted: string[] = [];

/** Takes what has its name in its path, but for what has a body, and answers it; what is silent has no answer. */
function routeOf(name: string): Route {
  return {
    take({ path: { forServer } }, { target, body }, sink) {
      asked.push(`${name} ${target}`);
      if (body !== undefined || !forServer.rawPath.includes(name)) return undefined;
      setImmediate(() => {
        if (target.includes('silent')) return;
        sink.head(200, 'OK', ['Content-Length', String(name.length)]).data(lastingBytes(Buffer.from(name)));
        sink.end();
      });
      return { pause() {}, resume() {}, abort: () => void aborted.push(target) };
    },
  };
}

const upstream = http.createServer((request: IncomingMessage, response) => {
  request.resume().on('end', () => response.end('API server'));
});
const upstreamPort = await listenFor({ after }, upstream);
const app = await startProxyApp({ upstreamPort, patience: 25_000, routes: [routeOf('one'), routeOf('two')] });
after(() => app.close());

test('the first route that takes a plain request answers it, and the API server gets what no route takes', async () => {
  for (const [path, method, text, routes] of [
    ['/one/two', 'GET', 'one', ['one']],
    ['/two?x', 'GET', 'two', ['one', 'two']],
    ['/other', 'GET', 'API server', ['one', 'two']],
    ['/one/two', 'POST', 'API server', ['one', 'two']],
  ] as const) {
    asked.length = 0;
    const answer = await send(app.port, path, { method, ...(method === 'POST' && { body: 'x' }) });
    assert.deepEqual([answer.status, answer.text], [200, text], path);
    assert.deepEqual(
      asked,
      routes.map(name => `${name} ${path}`),
    );
  }
});

/** Sends what it takes on, and replaces the API server's status code. */
const relabelling: Route = {
  take: (request, own, sink, onward) =>
    request.path.forServer.rawPath.includes('relabel')
      ? onward.sendAfter(relabelling, own, relabelled(sink))
      : undefined,
  takeUpgrade: (_request, own, sink, onward) => onward.sendAfter(relabelling, own, relabelled(sink)),
};

function relabelled<S extends ResponseSink>(sink: S): S {
  const head: S['head'] = (_code, _message, headers) => sink.head(299, 'Relabelled', headers);
  return { ...sink, head, end: () => sink.end(), error: (e: Error) => sink.error(e) };
}

test('a route sends a request on to the routes behind it, or to the API server, on both legs', async t => {
  const routes = [relabelling, routeOf('one')];
  const behind = await startProxyApp({ upstreamPort, patience: 25_000, routes });
  t.after(() => behind.close());
  for (const [path, status, text] of [
    ['/relabel/one', 299, 'one'],
    ['/relabel', 299, 'API server'],
    ['/other', 200, 'API server'],
  ] as const) {
    const answer = await send(behind.port, path);
    assert.deepEqual([answer.status, answer.text], [status, text], path);
  }
  const client = await connectRaw(behind.port);
  client.write('GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  assert.match(await client.untilClosed(), /^HTTP\/1\.1 299 .*API server/s);
});

test('a plain request has a length if its client says one, and may be sent twice if it changes nothing', async t => {
  const asked: string[] = [];
  const seeing: Route = {
    take(_request, { method, headers, isRepeatable }) {
      asked.push(`${method} ${fieldValue(headers, 'content-length')} ${isRepeatable}`);
      return undefined;
    },
  };
  const behind = await startProxyApp({ upstreamPort, patience: 25_000, routes: [seeing] });
  t.after(() => behind.close());
  for (const [method, body, expected] of [
    ['GET', undefined, 'GET undefined true'],
    ['HEAD', undefined, 'HEAD undefined true'],
    ['OPTIONS', undefined, 'OPTIONS undefined true'],
    ['GET', '0', 'GET 0 true'],
    ['GET', '1', 'GET 1 false'],
    ['DELETE', undefined, 'DELETE undefined false'],
    ['POST', '0', 'POST 0 false'],
    ['POST', '1', 'POST 1 false'],
  ] as const) {
    const client = await connectRaw(behind.port);
    const length = body === undefined ? '' : `Content-Length: ${body}\r\n`;
    client.write(
      `${method} /x HTTP/1.1\r\nHost: localhost\r\n${length}Connection: close\r\n\r\n${body === '1' ? 'x' : ''}`,
    );
    await client.untilClosed();
    assert.equal(asked.pop(), expected);
  }
});

test('an upgrade behind another request of its connection waits, and then gets each byte that came with it', async t => {
  const echo = http.createServer((_request, response) => response.end('first'));
  echo.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    socket.pipe(socket);
  });
  const behind = await startProxyApp({ upstreamPort: await listenFor(t, echo), patience: 25_000 });
  t.after(() => behind.close());
  const client = await connectRaw(behind.port);
  const upgrade = 'GET /y HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  client.write(`GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n${upgrade}early`);
  await client.until(/first[\s\S]* 101 [\s\S]*\r\n\r\nearly$/);
  client.socket.end(' late');
  assert.match(await client.untilClosed(), /\r\n\r\nearly late$/);
});

test('an upgrade is offered to no route that takes plain requests alone', async () => {
  asked.length = 0;
  const client = await connectRaw(app.port);
  client.write('GET /one HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  assert.match(await client.untilClosed(), /API server/);
  assert.deepEqual(asked, []);
});

test('a route is told when its client leaves', async () => {
  const client = await connectRaw(app.port);
  client.write('GET /one/silent HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await eventually('the request', () => app.open.has('/one/silent'));
  client.destroy();
  await eventually('the end', () => aborted.includes('/one/silent'));
});
