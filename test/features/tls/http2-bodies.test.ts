import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { eventually, until } from '../../support/eventually.js';
import {
  connectFrames,
  type FrameConnection,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
  uint32,
} from '../../support/upstreams/http2-frames.js';
import { startSecureServer } from './secure-server.js';

/** What has arrived of the body of a request, and at its end whether that was all. */
interface Received {
  bytes: number;
  isWhole: boolean | undefined;
}

/** The requests that have begun, by path. */
const received = new Map<string, Received>();
/** Reads bodies and answers with their lengths, but never reads one at /unread. */
const { port, ca } = await startSecureServer({ after }, (request, response) => {
  const body: Received = { bytes: 0, isWhole: undefined };
  received.set(request.url as string, body);
  request.once('close', () => {
    body.isWhole = request.complete;
  });
  if (request.url?.startsWith('/unread')) return;
  request.on('data', chunk => {
    body.bytes += chunk.length;
  });
  request.once('end', () => response.end(`${body.bytes} bytes`));
});
let connection: FrameConnection;
let next = 1;
before(async () => {
  connection = await connectFrames(port, ca);
});
after(() => connection.socket.destroy());

const post = (path: string): [string, string][] => [[':method', 'POST'], ...get(path).slice(1)];
const data = (size: number, stream: number, flag = 0) =>
  frame(frameTypes.data, flag, stream, Buffer.alloc(size, 'x'));

/** The frames of a POST of a new stream, with DATA frames of these sizes. */
function frames(sizes: readonly number[], hasLength: boolean): { stream: number; frames: Buffer[] } {
  const stream = next;
  next += 2;
  const length = sizes.reduce((sum, size) => sum + size, 0);
  const fields = post(`/body/${stream}`);
  if (hasLength) fields.push(['content-length', String(length)]);
  const last = sizes.length - 1;
  return {
    stream,
    frames: [
      frame(frameTypes.headers, flags.endHeaders, stream, headerBlock(fields)),
      ...sizes.map((size, index) => data(size, stream, index === last ? flags.endStream : 0)),
    ],
  };
}

async function assertAnswered(stream: number, length: number): Promise<void> {
  await connection.until(
    `the answer of stream ${stream}`,
    got => got.stream === stream && got.type === frameTypes.data && (got.flags & flags.endStream) !== 0,
  );
  const parts = connection.frames.filter(got => got.stream === stream && got.type === frameTypes.data);
  assert.equal(Buffer.concat(parts.map(({ payload }) => payload)).toString(), `${length} bytes`);
}

describe('the body of a POST', () => {
  /** How the frames of one request are sent. */
  const deliveries: Readonly<Record<string, (frames: Buffer[], stream: number) => Promise<void>>> = {
    'in one packet': async frames => connection.send(...frames),
    'in a packet each, a turn of the event loop apart': async frames => {
      for (const part of frames) {
        connection.send(part);
        await new Promise(setImmediate);
      }
    },
    'the last of them once the request has begun': async (frames, stream) => {
      connection.send(...frames.slice(0, -1));
      await until(() => received.has(`/body/${stream}`));
      connection.send(...frames.slice(-1));
    },
  };
  for (const [how, deliver] of Object.entries(deliveries))
    it(`is read whole if its frames come ${how}, with and without a length`, async () => {
      const bytes = Array.from({ length: 40 }, () => 1);
      for (const sizes of [[0], [0, 0, 0], [1, 0], [0, 1], bytes, [10_000]]) {
        for (const hasLength of [false, true]) {
          const { stream, frames: parts } = frames(sizes, hasLength);
          await deliver(parts, stream);
          await assertAnswered(
            stream,
            sizes.reduce((sum, size) => sum + size, 0),
          );
        }
      }
    });

  it('may be empty in a hundred requests at once', async () => {
    const streams: number[] = [];
    for (let count = 0; count < 100; count += 1) {
      const { stream, frames: parts } = frames([0], count % 2 === 0);
      streams.push(stream);
      const [head, end] = parts as [Buffer, Buffer];
      connection.send(head);
      if (count % 3 === 0) await new Promise(setImmediate);
      connection.send(end);
    }
    for (const stream of streams) await assertAnswered(stream, 0);
  });

  it('is asked for if its client waits for that', async t => {
    const session = await connectHttp2(port, ca);
    t.after(() => session.destroy());
    const stream = openStream(session, '/expected', { ':method': 'POST', expect: '100-continue' }, false);
    await once(stream, 'continue');
    stream.end('body');
    assert.equal((await headOf(stream))[':status'], 200);
  });

  for (const code of [8, 0, 2])
    it(`is never whole if its client resets the stream with ${code}`, async () => {
      const path = `/broken-${code}`;
      const client = await connectFrames(port, ca);
      client.head(1, post(path), false);
      client.send(data(10_000, 1));
      await until(() => received.get(path)?.bytes === 10_000);
      client.send(frame(frameTypes.rstStream, 0, 1, uint32(code)));
      await until(() => received.get(path)?.isWhole !== undefined);
      assert.deepEqual(received.get(path), { bytes: 10_000, isWhole: false });
      client.socket.destroy();
    });

  for (const [how, leave] of Object.entries({
    'ends its connection': (client: FrameConnection): void => void client.socket.end(),
    'closes it without having read all': (client: FrameConnection): void => void client.socket.destroy(),
    'resets its stream': (client: FrameConnection): void =>
      client.send(frame(frameTypes.rstStream, 0, 1, uint32(8))),
  }))
    it(`that nobody reads ends when its client ${how}`, async t => {
      const client = await connectFrames(port, ca);
      t.after(() => client.socket.destroy());
      const path = `/unread/${encodeURIComponent(how)}`;
      client.head(1, post(path), false);
      client.send(...Array.from({ length: 3 }, () => data(16_384, 1)));
      await until(() => received.has(path));
      // All that its windows allow.
      client.send(...Array.from({ length: 12 }, () => data(16_384, 1)));
      leave(client);
      await eventually('its end', () => received.get(path)?.isWhole === false);
    });
});
