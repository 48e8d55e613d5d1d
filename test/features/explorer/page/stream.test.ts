import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ApiError, Client } from '../../../../src/features/explorer/page/api/client.js';
import type { ApiRequest } from '../../../../src/features/explorer/page/api/requests.js';
import { stream } from '../../../../src/features/explorer/page/api/stream.js';

const request = {
  method: 'GET',
  prefix: '/c',
  apiPath: '/api/v1/pods?watch=true',
  accept: 'x',
} as ApiRequest;

const opened: Socket[] = [];

/** A WebSocket by hand. */
class Socket {
  binaryType = '';
  isClosed = false;
  onopen = () => {};
  onmessage = (_event: { readonly data: unknown }) => {};
  onclose = (_event: { readonly wasClean: boolean }) => {};
  readonly url: string;
  readonly protocols: readonly string[];

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
    opened.push(this);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A stream of a user with this token, to a page that was loaded over this protocol. */
async function start(
  t: TestContext,
  { token = '', protocol = 'http/1.1', answer = () => new Response('') } = {},
) {
  t.mock.method(performance as object as { getEntriesByType(): object[] }, 'getEntriesByType', () => [
    { nextHopProtocol: protocol },
  ]);
  opened.length = 0;
  const { WebSocket } = globalThis;
  Object.assign(globalThis, { WebSocket: Socket });
  t.after(() => Object.assign(globalThis, { WebSocket }));
  const fetch = t.mock.method(globalThis, 'fetch', async () => answer());
  const client = new Client('https://gw.example/x');
  if (token !== '') client.tokens.set('/c', token);
  const pieces: string[] = [];
  const leaving = new AbortController();
  const ended = stream(client, request, piece => void pieces.push(piece), leaving.signal);
  ended.catch(() => {});
  await setImmediate();
  const [socket] = opened as [Socket];
  return { socket, ended, leaving, fetched: () => fetch.mock.callCount(), text: () => pieces.join('') };
}

describe('a stream over a WebSocket', () => {
  it('has the token as a subprotocol, and no subprotocol without one', async t => {
    const { socket } = await start(t);
    assert.equal(socket.url, 'wss://gw.example/x/c/api/v1/pods?watch=true');
    assert.deepEqual([socket.protocols, socket.binaryType], [[], 'arraybuffer']);
    for (const [token, encoded] of [
      ['alice-token', 'YWxpY2UtdG9rZW4'],
      ['~~~???é', 'fn5-Pz8_w6k'],
    ]) {
      const { protocols } = (await start(t, { token: token ?? '' })).socket;
      assert.deepEqual(protocols, [`base64url.bearer.authorization.k8s.io.${encoded}`, 'binary.k8s.io']);
    }
  });

  it('is a line a text, and bytes as they come, even in the middle of a character', async t => {
    const { socket, ended, text, fetched } = await start(t);
    socket.onopen();
    socket.onmessage({ data: '{}' });
    const bytes = new TextEncoder().encode('ü!');
    for (const data of [bytes.slice(0, 1), bytes.slice(1)]) socket.onmessage({ data: data.buffer });
    socket.onclose({ wasClean: true });
    await ended;
    assert.deepEqual([text(), fetched()], ['{}\nü!', 0]);
  });

  it('is read as an ordinary answer if it does not open', async t => {
    const { socket, ended, text } = await start(t, { answer: () => new Response('plain') });
    socket.onclose({ wasClean: false });
    await ended;
    assert.equal(text(), 'plain');
  });

  it('is closed when its reader leaves, who hears nothing more', async t => {
    const { socket, ended, leaving, text } = await start(t);
    socket.onopen();
    leaving.abort(new Error('left'));
    socket.onmessage({ data: 'late' });
    await assert.rejects(ended, /left/);
    assert.deepEqual([socket.isClosed, text()], [true, '']);
    const after = await start(t);
    after.socket.onopen();
    after.socket.onclose({ wasClean: true });
    await after.ended;
    after.leaving.abort();
    assert.equal(after.socket.isClosed, false);
  });
});

describe('a stream over HTTP/2', () => {
  for (const protocol of ['h2', 'h3'])
    it(`is an ordinary answer, because it takes no connection of its own: ${protocol}`, async t => {
      const { ended, text } = await start(t, { protocol, answer: () => new Response('ü\nb') });
      await ended;
      assert.deepEqual([opened.length, text()], [0, 'ü\nb']);
    });
});

it('a stream that is cut fails in a way that passes', async t => {
  const { socket, ended } = await start(t);
  socket.onopen();
  socket.onclose({ wasClean: false });
  const body = {
    start: (controller: ReadableStreamDefaultController) => controller.error(new TypeError('network')),
  };
  const answer = () => new Response(new ReadableStream(body));
  const overHttp2 = await start(t, { protocol: 'h2', answer });
  for (const stream of [ended, overHttp2.ended])
    await assert.rejects(
      stream,
      (error: unknown) => error instanceof ApiError && error.isPassing && /was cut/.test(error.message),
    );
});
