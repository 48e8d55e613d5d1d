import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { after, describe, it } from 'node:test';
import { connectRaw } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { startStack } from '../../support/proxy/stack.js';
import { execPath } from '../exec-spellings.js';
import { assertStatus, clientRequests, type Leg, parseAnswer, send, toBytes } from '../leg.js';
import { requestsReaching } from '../requests-reaching.js';

const allowedPath = '/api/v1/namespaces/default/pods/web-0/portforward';
const second = 'GET /version?second HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
const upgradeLegs: readonly Leg[] = ['websocket', 'spdy'];

const { server, proxy } = await startStack({ after });

const { reached: allReached } = requestsReaching(() => server);
const reached = async () => (await allReached()).filter(request => request !== `GET ${marker}`);

const marker = '/version?later';

/** Waits for the answer to a later request: by then all forwarded parts of earlier requests have arrived. */
async function passLater(): Promise<void> {
  assert.equal((await send(proxy.port, { target: marker })).code, 200);
}

/** Answers every upgrade with these bytes on a connection that stays open, and records the bytes after the request. */
function answerUpgrades(answer: string, after = 0): { bytes: () => string; remove: () => void } {
  let bytes = '';
  const remove = server.interceptUpgrade((_request, socket: Duplex, head) => {
    bytes += head.toString('latin1');
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
    });
    setTimeout(() => socket.write(answer), after);
    return true;
  });
  return { bytes: () => bytes, remove };
}

for (const leg of upgradeLegs) {
  describe(`an upgrade on the ${leg} leg`, () => {
    it('is connected if the API server accepts it, with the bytes that the client sent early', async () => {
      const upstream = answerUpgrades(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello',
      );
      const connection = await connectRaw(proxy.port);
      try {
        connection.write(toBytes({ leg, target: allowedPath, rest: 'early' }));
        await connection.until(/101 [\s\S]*\r\n\r\nhello/);
        connection.write('late');
        await eventually('what came late', () => upstream.bytes().includes('late'));
        assert.equal(upstream.bytes(), 'earlylate');
        assert.deepEqual(await reached(), [`GET ${allowedPath}`]);
      } finally {
        upstream.remove();
        connection.destroy();
      }
    });

    it('that the filter rejects ends the connection, and all later bytes of the client are dropped', async () => {
      for (const target of [execPath, `${execPath}\\`, '/-/livez', '/-/nothing']) {
        const connection = await connectRaw(proxy.port);
        connection.write(toBytes({ leg, target, rest: second }));
        await connection.until(/\r\n\r\n/);
        connection.write(second);
        const received = await connection.untilClosed();
        connection.destroy();
        assert.equal(received.match(/HTTP\/1\.1 \d{3}/g)?.length, 1, received);
        assert.equal(parseAnswer(received).headers.get('connection'), 'close');
      }
      await passLater();
      assert.deepEqual(await reached(), []);
    });

    it('that the API server answers otherwise gets that answer, and nothing sent after it reaches the API server', async () => {
      for (const status of [
        ...['403 Forbidden', '404 Not Found', '400 Bad Request', '200 OK', '302 Found'],
        '503 Service Unavailable',
      ]) {
        const before = (await reached()).length;
        const upstream = answerUpgrades(
          `HTTP/1.1 ${status}\r\nX-From: upstream\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno`,
          50,
        );
        const connection = await connectRaw(proxy.port);
        try {
          connection.write(toBytes({ leg, target: allowedPath, rest: second }));
          await eventually('the upgrade at the API server', async () => (await reached()).length > before);
          connection.write(second);
          await connection.until(/\r\n\r\n/);
          connection.write(second);
          const received = await connection.untilClosed();
          assert.match(received, new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
          assert.match(received, /X-From: upstream\r\n[\s\S]*\r\n\r\nno$/);
          await passLater();
          assert.equal(upstream.bytes(), '');
          assert.deepEqual((await reached()).slice(before), [`GET ${allowedPath}`]);
        } finally {
          upstream.remove();
          connection.destroy();
        }
      }
    });

    it('that the API server refuses still gets its answer if the client has sent 1 MB early', async () => {
      const upstream = answerUpgrades('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', 200);
      const connection = await connectRaw(proxy.port);
      try {
        connection.write(toBytes({ leg, target: allowedPath, rest: second.repeat(20_000) }));
        await connection.until(/^HTTP\/1\.1 403 [\s\S]*\r\n\r\nno$/);
        assert.equal(upstream.bytes(), '');
        assert.deepEqual(await reached(), [`GET ${allowedPath}`]);
      } finally {
        upstream.remove();
        connection.destroy();
      }
    });

    it('with a body is rejected, and the body is not read as a request', async () => {
      for (const method of ['GET', 'POST']) {
        for (const [header, rest] of [
          [`Content-Length: ${second.length}`, second],
          ['Content-Length: 1', `x${second}`],
          ['Content-Length: 00', second],
          ['Transfer-Encoding: chunked', `0\r\n\r\n${second}`],
          ['Transfer-Encoding: chunked', `${second.length.toString(16)}\r\n${second}\r\n0\r\n\r\n`],
        ] as const) {
          const answer = await send(proxy.port, {
            leg,
            method,
            target: allowedPath,
            headers: [header],
            rest,
          });
          assert.match(assertStatus(answer, 400, header), /body|valid HTTP/);
        }
      }
      await passLater();
      assert.deepEqual(await reached(), []);
    });

    it('with a body of 0 bytes is accepted, because kubectl sends that with its POST', async () => {
      await send(proxy.port, { leg, method: 'POST', target: '/version', headers: ['Content-Length: 0'] });
      assert.deepEqual(await reached(), ['POST /version']);
    });

    it('after a request that is still being answered does no harm', async () => {
      for (const target of [execPath, allowedPath]) {
        const remove = server.intercept((request, response) => {
          if (request.url !== '/version?slow') return false;
          setTimeout(() => response.end('slow'), 100);
          return true;
        });
        const connection = await connectRaw(proxy.port);
        try {
          const first = toBytes({ target: '/version?slow' })
            .toString('latin1')
            .replace('Connection: close\r\n', '');
          connection.write(first + toBytes({ leg, target, rest: second }).toString('latin1'));
          const received = await connection.untilClosed();
          assert.ok(received === '' || /^HTTP\/1\.1 (200|400) /.test(received), received);
        } finally {
          connection.destroy();
          remove();
        }
      }
      await passLater();
      assert.deepEqual(
        (await reached()).filter(request => /exec|second/.test(request)),
        [],
      );
      const mishaps = proxy.log().filter(({ msg }) => /uncaught|unhandled/.test(String(msg)));
      assert.deepEqual(mishaps, []);
    });
  });
}

describe('an upgrade to HTTP/2 over plain TCP', () => {
  const offer = ['Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
  const ask = (upgrade: readonly string[], target: string) =>
    Buffer.from(
      [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...offer, ...upgrade, '', ''].join('\r\n'),
      'latin1',
    );

  it('is ignored, and the request is answered as a plain request', async () => {
    const connection = await connectRaw(proxy.port);
    connection.write(ask(['Upgrade: h2c'], '/version'));
    await connection.until(/^HTTP\/1\.1 200 OK\r\n[\s\S]*"major"/);
    connection.destroy();
    assert.deepEqual(await reached(), ['GET /version']);
  });

  it('does not get past the filter', async () => {
    const connection = await connectRaw(proxy.port);
    connection.write(ask(['Upgrade: h2c'], execPath));
    await connection.until(/^HTTP\/1\.1 403 /);
    connection.destroy();
    assert.deepEqual(await reached(), []);
  });

  it('is never offered to the API server, which could then get requests past the filter', async () => {
    const upstream = answerUpgrades(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    );
    const before = clientRequests(server).length;
    try {
      for (const upgrade of [
        ['Upgrade: h2c'],
        ['Upgrade: H2C'],
        ['Upgrade: h2c, websocket'],
        ['Upgrade: websocket,h2c'],
        ['Upgrade: websocket', 'Upgrade: h2c'],
      ]) {
        const connection = await connectRaw(proxy.port);
        const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
        connection.write(Buffer.concat([ask(upgrade, '/version'), preface]));
        await connection.until(/^HTTP\/1\.1 \d{3} /);
        connection.destroy();
      }
      await passLater();
      for (const { rawHeaders } of clientRequests(server).slice(before))
        assert.doesNotMatch(rawHeaders.join('\n'), /h2c|http2-settings/i);
      assert.doesNotMatch(upstream.bytes(), /PRI/);
    } finally {
      upstream.remove();
    }
  });
});

describe('an incomplete upgrade', () => {
  it('is a plain request, and its upgrade headers are not passed on', async () => {
    const before = clientRequests(server).length;
    for (const headers of [
      ['Upgrade: websocket', 'Connection: close'],
      ['Upgrade: SPDY/3.1', 'Connection: close'],
      ['Connection: Upgrade, close'],
    ]) {
      const request = (target: string) =>
        [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n');
      for (const [target, code] of [
        ['/version', 200],
        [execPath, 403],
      ] as const) {
        const connection = await connectRaw(proxy.port);
        connection.write(request(target));
        assert.equal(parseAnswer(await connection.untilClosed()).code, code, headers.join());
        connection.destroy();
      }
    }
    const arrived = clientRequests(server).slice(before);
    assert.equal(arrived.length, 3);
    for (const { headers, upgrade } of arrived) {
      assert.equal(headers['upgrade'], undefined);
      assert.equal(upgrade, false);
    }
  });

  it('from the API server, a 101 without a request, is a 502, and its connection is not used again', async () => {
    let bytes = '';
    const remove = server.intercept(({ socket, url }) => {
      if (url !== '/version?switch') return false;
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.toString('latin1');
      });
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
      return true;
    });
    try {
      const answer = await send(proxy.port, { target: '/version?switch', rest: '' });
      assertStatus(answer, 502, '101');
      assert.equal((await send(proxy.port, { target: '/version' })).code, 200);
      assert.doesNotMatch(bytes, /version/);
    } finally {
      remove();
    }
  });
});
