import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, connectHttp2 } from '../../../support/clients/http2-client.js';
import { eventually } from '../../../support/eventually.js';
import { startStack } from '../../../support/proxy/stack.js';
import {
  connectFrames,
  type FrameConnection,
  flags,
  frame,
  frameTypes,
  get,
  headerBlock,
} from '../../../support/upstreams/http2-frames.js';

const proxied = await startStack({ after }, { tls: true });
let connection: FrameConnection;
let next = 1;
/** The bodies that arrived at the API server, by path. */
const received = new Map<string, string>();

before(async () => {
  proxied.server.intercept((request, response) => {
    if (request.url?.startsWith('/unread')) return true;
    if (!request.url?.startsWith('/body')) return false;
    let text = '';
    request.setEncoding('latin1').on('data', chunk => {
      text += chunk;
    });
    request.once('end', () => {
      received.set(request.url as string, text);
      response.end(`${text.length} bytes`);
    });
    return true;
  });
  connection = await connectFrames(proxied.proxy.port, proxied.ca);
});

after(() => connection.socket.destroy());

async function metric(name: string): Promise<number> {
  const session = await connectHttp2(proxied.proxy.port, proxied.ca);
  const { text } = await ask(session, '/-/metrics');
  session.destroy();
  const line = text.split('\n').find(candidate => candidate.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}

/** How the frames of one request are sent: in one packet, or each in its own, with or without a pause between them. */
const deliveries: Readonly<Record<string, (frames: Buffer[], stream: number) => Promise<void>>> = {
  'in one packet': async frames => connection.send(...frames),
  'in a packet each': async frames => {
    for (const part of frames) connection.send(part);
  },
  'in a packet each, a turn of the event loop apart': async frames => {
    for (const part of frames) {
      connection.send(part);
      await new Promise(setImmediate);
    }
  },
  'the last of them once the API server has the request': async (frames, stream) => {
    connection.send(...frames.slice(0, -1));
    await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === `/body/${stream}`);
    connection.send(...frames.slice(-1));
  },
};

/** DATA frames with these numbers of bytes; the last one ends the stream. */
const bodies: Readonly<Record<string, readonly number[]>> = {
  'an empty body': [0],
  'an empty body in three frames': [0, 0, 0],
  'a body of one byte and an empty frame': [1, 0],
  'an empty frame and a body of one byte': [0, 1],
  'a body in frames of one byte': Array.from({ length: 40 }, () => 1),
  'a body in one frame': [10_000],
};

/** Opens a stream with the frames of a POST and returns its number. */
function post(sizes: readonly number[], hasLength: boolean): { stream: number; frames: Buffer[] } {
  const stream = next;
  next += 2;
  const length = sizes.reduce((sum, size) => sum + size, 0);
  const fields: [string, string][] = [[':method', 'POST'], ...get(`/body/${stream}`).slice(1)];
  if (hasLength) fields.push(['content-length', String(length)]);
  const data = sizes.map((size, index) =>
    frame(frameTypes.data, index === sizes.length - 1 ? flags.endStream : 0, stream, Buffer.alloc(size, 'x')),
  );
  return {
    stream,
    frames: [frame(frameTypes.headers, flags.endHeaders, stream, headerBlock(fields)), ...data],
  };
}

async function assertAnswered(stream: number, length: number): Promise<void> {
  await connection.until(
    `the answer of stream ${stream}`,
    got => got.stream === stream && got.type === frameTypes.data && (got.flags & flags.endStream) !== 0,
  );
  const data = connection.frames.filter(got => got.stream === stream && got.type === frameTypes.data);
  assert.equal(Buffer.concat(data.map(({ payload }) => payload)).toString(), `${length} bytes`);
  assert.equal(received.get(`/body/${stream}`), 'x'.repeat(length));
}

for (const [what, sizes] of Object.entries(bodies)) {
  for (const [how, deliver] of Object.entries(deliveries)) {
    test(`a POST with ${what}, its frames ${how}, is answered, with and without a length`, async () => {
      for (const hasLength of [false, true]) {
        const { stream, frames } = post(sizes, hasLength);
        await deliver(frames, stream);
        await assertAnswered(stream, frames.length === 0 ? 0 : sizes.reduce((sum, size) => sum + size, 0));
      }
    });
  }
}

test('a hundred empty POSTs at once are all answered', async () => {
  const streams: number[] = [];
  for (let count = 0; count < 100; count += 1) {
    const { stream, frames } = post([0], count % 2 === 0);
    streams.push(stream);
    const [head, data] = frames as [Buffer, Buffer];
    connection.send(head);
    if (count % 3 === 0) await new Promise(setImmediate);
    connection.send(data);
  }
  for (const stream of streams) await assertAnswered(stream, 0);
});

for (const [how, leave] of Object.entries({
  'ends its connection': (client: FrameConnection): void => void client.socket.end(),
  'closes it without having read all': (client: FrameConnection): void => void client.socket.destroy(),
  'resets its stream': (client: FrameConnection): void =>
    client.send(frame(frameTypes.rstStream, 0, 1, Buffer.from([0, 0, 0, 8]))),
})) {
  test(`an upload that the API server does not read ends there when its client ${how}`, async t => {
    const client = await connectFrames(proxied.proxy.port, proxied.ca);
    t.after(() => client.socket.destroy());
    const path = `/unread/${encodeURIComponent(how)}`;
    client.head(1, [[':method', 'POST'], ...get(path).slice(1)], false);
    const part = frame(frameTypes.data, 0, 1, Buffer.alloc(16_384, 'x'));
    // The client sends all that its windows allow, which is more than the API server reads.
    client.send(...Array.from({ length: 3 }, () => part));
    await proxied.server.waitForRequest(({ rawUrl }) => rawUrl === path);
    client.send(...Array.from({ length: 12 }, () => part));
    leave(client);
    await eventually('its place', async () => (await metric('kube_api_proxy_inflight_requests')) === 0);
    await eventually(
      'the end of its connection to the API server',
      async () => (await metric('kube_api_proxy_upstream_connections{state="active"}')) === 0,
    );
  });
}
