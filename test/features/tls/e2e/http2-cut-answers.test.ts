import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startStack } from '../../../support/proxy/stack.js';
import {
  connectFrames,
  type FrameConnection,
  flags,
  frame,
  frameTypes,
  get,
  settingsFrame,
  uint32,
} from '../../../support/upstreams/http2-frames.js';

const internalError = 2;
const proxied = await startStack({ after }, { tls: true });

/** Makes the API server answer a path with part of a body, and end its connection once the client has the head. */
function breakOff(
  path: string,
  body: string,
  fields: Readonly<Record<string, string>>,
): { breakNow(): void } {
  let end = () => {};
  proxied.server.intercept((request, response) => {
    if (request.url !== path) return false;
    response.writeHead(200, { 'Content-Type': 'text/plain', ...fields });
    response.flushHeaders();
    if (body !== '') response.write(body);
    end = () => response.socket?.destroySoon();
    return true;
  });
  return { breakNow: () => end() };
}

async function openWith(window: number): Promise<FrameConnection> {
  const connection = await connectFrames(proxied.proxy.port, proxied.ca);
  connection.send(settingsFrame([4, window]));
  return connection;
}

/** The body so far of the answer to a connection's only request. */
function received({ frames }: FrameConnection): string {
  const data = frames.filter(({ type }) => type === frameTypes.data);
  return Buffer.concat(data.map(({ payload }) => payload)).toString();
}

for (const [what, body, fields] of [
  ['with a body', 'part of it', {}],
  ['without a byte of its body', '', {}],
  ['that has announced trailers', 'part of it', { Trailer: 'X-Checksum' }],
  ['of a known length', 'part of it', { 'Content-Length': '100' }],
  ['of a known length without a byte of its body', '', { 'Content-Length': '100' }],
] as const) {
  for (const method of ['POST', 'PUT', 'GET']) {
    for (const window of [0, 4, 65_535]) {
      test(`an answer to a ${method} ${what} that breaks off resets its stream after its bytes, with a window of ${window}`, async () => {
        const path = `/cut/${method}/${body.length}/${Object.keys(fields)[0]}/${window}`;
        const { breakNow } = breakOff(path, body, fields);
        const connection = await openWith(window);
        connection.head(1, [[':method', method], ...get(path).slice(1)], method === 'GET');
        // The body of the PUT is whole, that of the POST never is.
        if (method === 'PUT') connection.send(frame(frameTypes.data, flags.endStream, 1, Buffer.from('all')));
        await connection.until('the head', ({ type }) => type === frameTypes.headers);
        breakNow();
        // The frames after the bytes that wait for a window are sent together with them.
        await (await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === path)).closed;
        if (body.length > window) {
          // The window grows by exactly as many bytes as are needed, and then by one, because an empty frame is not sent with a window of 0.
          connection.send(frame(frameTypes.windowUpdate, 0, 1, uint32(body.length - window)));
          await connection.until('the last byte', () => received(connection).length === body.length);
          connection.send(frame(frameTypes.windowUpdate, 0, 1, uint32(1)));
        }
        const isReset = ({ type }: { type: number }) => type === frameTypes.rstStream;
        const { payload } = await connection.until('the reset', isReset);
        assert.equal(payload.readUInt32BE(0), internalError);
        assert.equal(received(connection), body);
        const data = connection.frames.filter(({ type }) => type === frameTypes.data);
        assert.ok(
          data.every(part => (part.flags & flags.endStream) === 0),
          'no part of it ends the stream',
        );
        connection.socket.destroy();
        assert.equal(proxied.proxy.process.signalCode, null, proxied.proxy.stderr());
      });
    }
  }
}

test('the last bytes of an answer of a known length end its stream', async () => {
  proxied.server.intercept((request, response) => {
    if (request.url !== '/whole') return false;
    response.writeHead(200, { 'Content-Length': '5' }).end('whole');
    return true;
  });
  const connection = await openWith(65_535);
  connection.head(1, get('/whole'));
  await connection.until(
    'the end',
    ({ flags: bits, stream }) => stream === 1 && (bits & flags.endStream) !== 0,
  );
  const data = connection.frames.filter(({ type }) => type === frameTypes.data);
  assert.deepEqual(
    data.map(part => ({ text: part.payload.toString(), ends: (part.flags & flags.endStream) !== 0 })),
    [{ text: 'whole', ends: true }],
  );
  connection.socket.destroy();
});
