import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { it, type TestContext } from 'node:test';
import { createProgram } from '../../src/app/compose.js';
import { createLogger } from '../../src/observability/log/logger.js';
import { parseOptions } from '../../src/options/parse.js';
import { connectRaw } from '../support/clients/raw-http.js';
import { within } from '../support/eventually.js';

/** Starts a program in front of an API server that is down. */
async function start(t: TestContext) {
  const { options } = parseOptions({ argv: ['--server=http://127.0.0.1:1'], env: {} });
  const logger = createLogger({ level: 'silent', format: 'json' });
  const program = await createProgram(options, {
    ...{ env: {}, homedir: '/nowhere', version: '1.0.0', logger },
  });
  assert.ok('app' in program);
  t.after(() => program.close());
  const { app } = program;
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, port: (app.server.address() as net.AddressInfo).port };
}

it('a server that closes waits neither for connections that have sent nothing nor for an API server that is down', async t => {
  const { app, port } = await start(t);
  const answered = await connectRaw(port);
  answered.write('GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await answered.until(/^HTTP\/1\.1 503 [\s\S]*\}$/);
  const unused = net.connect(port);
  t.after(() => {
    for (const client of [answered, unused]) client.destroy();
  });
  await once(app.server, 'connection');
  await within('the end of the server', app.close());
  await Promise.all([answered.untilClosed(), once(unused.resume(), 'close')]);
});

it('a server counts what is no request that it serves, and answers it at the end of the connection', async t => {
  const { port } = await start(t);
  const rejected = async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/-/metrics`)).text();
    return Number(/^kube_api_proxy_rejected_requests_total\{reason="bad_request"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await rejected();
  for (const [head, code] of [
    ['what?\r\n\r\n', 400],
    ['GET /version HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n', 400],
    // A guard rejects it.
    ['PUT /api HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 400],
  ] as const) {
    const client = await connectRaw(port);
    t.after(() => client.destroy());
    client.write(head);
    assert.match(
      await client.untilClosed(),
      new RegExp(`^HTTP/1\\.1 ${code} [\\s\\S]*\\r\\nconnection: close\\r\\n`, 'i'),
      head,
    );
  }
  assert.equal(await rejected(), before + 3);
});

it('a server is no forward proxy: it ends a connection at CONNECT, also while an earlier request waits', async t => {
  const { port } = await start(t);
  for (const before of ['', 'GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n']) {
    const client = await connectRaw(port);
    t.after(() => client.destroy());
    client.write(`${before}CONNECT api:443 HTTP/1.1\r\nHost: api\r\n\r\n`);
    assert.equal(await client.untilClosed(), '');
  }
});

it('a server without authentication says that it shares no tokens, and has files only if it has a folder', async t => {
  const { port } = await start(t);
  const states = await (await fetch(`http://127.0.0.1:${port}/-/clusters`)).json();
  assert.equal((states as Record<string, unknown>)['sharesTokens'], false);
  const { status } = await fetch(`http://127.0.0.1:${port}/static/x`);
  assert.equal(status, 503, 'the path is one of the API server');
});
