import assert from 'node:assert/strict';
import net, { type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { maxFields } from '../../../src/http/header-fields.js';
import { ConnectionPool } from '../../../src/transport/connection-pool.js';
import { createDial, type Dial, lazySecureContext } from '../../../src/transport/dial/dial.js';
import type { Http1Connection } from '../../../src/transport/http1/connection.js';
import type { BodySink, SwitchedResponse } from '../../../src/transport/round-trip.js';
import { type RawConnection, watchRaw } from '../../support/clients/raw-http.js';
import { until } from '../../support/eventually.js';
import { listen } from '../../support/ports.js';
import { RecordedResponse, requestTo } from '../../support/transport/recorded-response.js';

const headers = ['Connection', 'Upgrade', 'Upgrade', 'echo'];
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-A: \xe9\r\n\r\n';

const chunked = 'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n';
const tooMany = 'A: b\r\n'.repeat(maxFields + 1);

/** A sink that takes the switched connection. */
class UpgradeResponse extends RecordedResponse {
  readonly switches: SwitchedResponse[] = [];

  switched(response: SwitchedResponse): BodySink {
    this.switches.push(response);
    return this;
  }
}

let server: net.Server;
let dial: Dial;
let accepted: RawConnection[];
/** The proxy's sockets. */
let sockets: Socket[];
beforeEach(async () => {
  accepted = [];
  sockets = [];
  server = net.createServer({ allowHalfOpen: true }, socket => {
    accepted.push(watchRaw(socket));
  });
  const port = await listen(server);
  const own = createDial({
    server: { protocol: 'http:', hostname: '127.0.0.1', port, path: '' },
    secureContext: lazySecureContext(undefined, {}),
    insecureSkipTlsVerify: false,
    keepAlive: 0,
  });
  dial = (callback, onRead) =>
    own((error, socket) => {
      if (socket !== null) sockets.push(socket);
      callback(error, socket);
    }, onRead);
});
afterEach(() => {
  for (const connection of accepted) connection.destroy();
  for (const socket of sockets) socket.destroy();
  server.close();
});

const leaseOver = (dial: Dial) => new ConnectionPool(dial).connect({ maySwitch: true });

/** Sends a request, and resolves when the API server has it. */
async function send<Response extends RecordedResponse>(
  response: Response,
): Promise<{ lease: Http1Connection; peer: RawConnection; response: Response }> {
  const before = accepted.length;
  const lease = leaseOver(dial);
  lease.send(requestTo('/exec', { headers }), response);
  await until(() => accepted.length > before);
  const peer = accepted[before] as RawConnection;
  await peer.until(/\r\n\r\n$/);
  return { lease, peer, response };
}

const isClosed = () => sockets.every(({ destroyed }) => destroyed);

describe('a request for an upgrade', () => {
  it('is sent with its fields as they are', async () => {
    const { peer } = await send(new UpgradeResponse());
    assert.equal(
      peer.received(),
      'GET /exec HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
    );
  });

  it('passes the socket on with the first bytes of the new protocol, and does not touch it any more', async () => {
    const { lease, peer, response } = await send(new UpgradeResponse());
    peer.write(`${switching}first`);
    await until(() => response.switches.length === 1);
    const [{ statusMessage, headers: answered, socket }] = response.switches as [SwitchedResponse];
    assert.deepEqual([statusMessage, response.text, socket], ['Switching Protocols', 'first', sockets[0]]);
    assert.deepEqual(answered.slice(-2), ['X-A', '\xc3\xa9'], 'one character is one byte');
    lease.pause();
    socket.write('hello');
    await peer.until(/hello$/);
    assert.deepEqual([response.status, response.failure, isClosed()], [0, undefined, false]);
  });

  it('ends the connection that has switched if nobody takes it', async () => {
    const { peer, response } = await send(new RecordedResponse());
    peer.write(switching);
    await until(isClosed);
    assert.equal(sockets.length, 1);
    assert.equal(response.status, 0);
  });

  it('passes any other answer on without its trailers, and ends the connection', async () => {
    const { peer, response } = await send(new UpgradeResponse());
    peer.write(
      'HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nno\r\n0\r\nX-T: t\r\n\r\n',
    );
    await response.over;
    assert.deepEqual([response.status, response.text, response.whole], [403, 'no', true]);
    assert.ok(response.headers.join().includes('X-A,b'));
    await until(isClosed);
  });

  it('passes an answer without a length on as a whole if the connection ends after it, and as cut if it is reset', async () => {
    for (const isReset of [false, true]) {
      const { peer, response } = await send(new UpgradeResponse());
      peer.write('HTTP/1.1 403 Forbidden\r\n\r\nno');
      await until(() => response.text === 'no');
      if (isReset) peer.socket.resetAndDestroy();
      else peer.socket.end();
      await response.over;
      assert.deepEqual([response.whole, response.failure === undefined], [!isReset, !isReset]);
      await until(isClosed);
    }
  });

  for (const [what, answer, message] of [
    ['is a 101 without a protocol', 'HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n', /101/],
    ['has a status line with a control character', 'HTTP/1.1 403 a\x01b\r\nContent-Length: 0\r\n\r\n', /./],
    ['is not HTTP', 'hello\r\n\r\n', /./],
    [
      'has too many header fields',
      `HTTP/1.1 403 Forbidden\r\n${tooMany}Content-Length: 0\r\n\r\n`,
      /too many/,
    ],
    ['switches with too many header fields', switching.replace('X-A: \xe9\r\n', tooMany), /too many/],
    ['has too many trailers', `${chunked}0\r\n${tooMany}\r\n`, /too many/],
    ['breaks off', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno', /./],
    ['never comes', '', /./],
  ] as const) {
    it(`fails once if its answer ${what}, and ends the connection`, async () => {
      const { peer, response } = await send(new UpgradeResponse());
      if (answer !== '') peer.write(answer);
      if (what === 'breaks off') await until(() => response.text === 'no');
      if (what === 'breaks off' || what === 'never comes') peer.destroy();
      await response.over;
      assert.match(String(response.failure?.message), message);
      assert.equal(response.whole, false);
      await until(isClosed);
    });
  }

  it('fails with the error that its sink throws, and ends the connection', async () => {
    const error = new Error('not for the client');
    for (const event of ['head', 'body'] as const) {
      const { peer, response } = await send(new UpgradeResponse());
      response.onEvent = what => {
        if (what === event) throw error;
      };
      peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      await until(() => response.failure !== undefined);
      assert.equal(response.failure, error);
      await until(isClosed);
    }
  });

  it('fails with the error of its dial', async () => {
    const error = Object.assign(new Error('nobody there'), { code: 'ECONNREFUSED' });
    const response = new UpgradeResponse();
    leaseOver(callback => {
      queueMicrotask(() => callback(error, null));
      return { destroy() {} };
    }).send(requestTo('/', { headers }), response);
    assert.equal((await response.over).failure, error);
  });
});

describe('an aborted request for an upgrade', () => {
  it('ends its connection before and during its answer, and gets nothing more', async () => {
    for (const begun of [false, true]) {
      const { lease, peer, response } = await send(new UpgradeResponse());
      if (begun) {
        peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno');
        await until(() => response.text === 'no');
      }
      lease.abort();
      lease.abort();
      await until(isClosed);
      await new Promise(setImmediate);
      assert.deepEqual([response.failure, response.whole, response.switches], [undefined, false, []]);
    }
  });

  it('ends a connection that opens late', async () => {
    let open = () => {};
    const lease = leaseOver((callback, onRead) =>
      dial((error, socket) => {
        open = () => callback(error as never, socket as never);
      }, onRead),
    );
    const response = new UpgradeResponse();
    lease.send(requestTo('/', { headers }), response);
    await until(() => sockets.length === 1);
    lease.abort();
    open();
    await until(isClosed);
    assert.deepEqual([response.failure, response.switches], [undefined, []]);
  });
});
