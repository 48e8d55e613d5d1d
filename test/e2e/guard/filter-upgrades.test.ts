import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { after, describe, it, type TestContext } from 'node:test';
import { connectRaw, type RawConnection } from '../../support/clients/raw-http.js';
import { eventually } from '../../support/eventually.js';
import { startStack } from '../../support/proxy/stack.js';
import { execPath } from '../exec-spellings.js';
import { clientRequests, type Leg, parseAnswer, send, toBytes } from '../leg.js';
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

/** Answers upgrades with bytes on a connection that stays open, after some milliseconds. Returns the bytes that come after the requests. */
function answerUpgrades(t: TestContext, answer: () => string, delay = 0): () => string {
  let bytes = '';
  t.after(
    server.interceptUpgrade((_request, socket: Duplex, head) => {
      bytes += head.toString('latin1');
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.toString('latin1');
      });
      setTimeout(() => socket.write(answer()), delay);
      return true;
    }),
  );
  return () => bytes;
}

/** Sends bytes on a connection that ends with the test. */
async function exchange(t: TestContext, bytes: string | Buffer): Promise<RawConnection> {
  const connection = await connectRaw(proxy.port);
  t.after(() => connection.destroy());
  connection.write(bytes);
  return connection;
}

const switching = (protocol: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

for (const leg of upgradeLegs) {
  describe(`an upgrade on the ${leg} leg`, () => {
    it('is connected if the API server accepts it, with the bytes that the client sent early', async t => {
      const bytes = answerUpgrades(t, () => `${switching('x')}hello`);
      // kubectl sends a POST. It has no body.
      const request = { leg, method: 'POST', target: allowedPath, rest: 'early' };
      const connection = await exchange(t, toBytes(request));
      await connection.until(/101 [\s\S]*\r\n\r\nhello/);
      connection.write('late');
      await eventually('what came late', () => bytes().includes('late'));
      assert.equal(bytes(), 'earlylate');
      assert.deepEqual(await reached(), [`POST ${allowedPath}`]);
      assert.equal(clientRequests(server).at(-1)?.headers['content-length'], '0');
    });

    it('that the filter rejects ends the connection, and all later bytes of the client are dropped', async t => {
      for (const target of [execPath, `${execPath}\\`, '/-/livez', '/-/nothing']) {
        const connection = await exchange(t, toBytes({ leg, target, rest: second }));
        await connection.until(/\r\n\r\n/);
        connection.write(second);
        const received = await connection.untilClosed();
        assert.equal(received.match(/HTTP\/1\.1 \d{3}/g)?.length, 1, received);
        assert.equal(parseAnswer(received).headers.get('connection'), 'close');
      }
      await passLater();
      assert.deepEqual(await reached(), []);
    });

    it('that the API server answers otherwise gets that answer, and nothing sent after it reaches the API server', async t => {
      let status = '';
      const fields = 'X-From: upstream\r\nContent-Length: 2\r\nConnection: keep-alive';
      const bytes = answerUpgrades(t, () => `HTTP/1.1 ${status}\r\n${fields}\r\n\r\nno`, 50);
      for (status of ['403 Forbidden', '400 Bad Request', '200 OK', '302 Found', '503 Service Unavailable']) {
        const before = (await reached()).length;
        const connection = await exchange(t, toBytes({ leg, target: allowedPath, rest: second }));
        await eventually('the upgrade at the API server', async () => (await reached()).length > before);
        connection.write(second);
        await connection.until(/\r\n\r\n/);
        connection.write(second);
        const received = await connection.untilClosed();
        assert.match(received, new RegExp(`^HTTP/1\\.1 ${status}\r\n`));
        assert.match(received, /X-From: upstream\r\n[\s\S]*\r\n\r\nno$/);
        await passLater();
        assert.equal(bytes(), '');
        assert.deepEqual((await reached()).slice(before), [`GET ${allowedPath}`]);
      }
    });

    it('that the API server refuses still gets its answer if the client has sent 1 MB early', async t => {
      const bytes = answerUpgrades(t, () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', 200);
      const rest = second.repeat(20_000);
      const connection = await exchange(t, toBytes({ leg, target: allowedPath, rest }));
      await connection.until(/^HTTP\/1\.1 403 [\s\S]*\r\n\r\nno$/);
      assert.equal(bytes(), '');
      assert.deepEqual(await reached(), [`GET ${allowedPath}`]);
    });
  });
}
