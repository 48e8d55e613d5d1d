import assert from 'node:assert/strict';
import {
  clientFrame,
  RawWebSocket,
  serverFrames,
  type WebSocketQuestion,
} from '../../../support/clients/websocket-client.js';
import { eventually } from '../../../support/eventually.js';
import type { ApiServer } from '../../../support/kube-apiserver/api-server.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { ownMetric } from '../../../support/proxy/own-metric.js';
import { forms } from '../../../support/proxy/watched-namespace.js';
import type { Scope } from '../../../support/scope.js';

/** What a guard of the proxy adds to each answer. */
const ofGuard = 'Cross-Origin-Resource-Policy: same-origin\r\n';
const joined = 'kube_api_proxy_shared_watch_joins_total{how="ring"}';
const text = 0x1;
const ping = 0x9;
const close = 0x8;

/** Opens WebSockets at the API server, and through a program that shares its watches. */
async function startBoth(t: Scope, server: ApiServer) {
  const namespace = await server.createNamespace();
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const { certificate: cert, key } = await server.authority.client({});
  const tls = { ca: server.authority.certificate, cert, key };
  const program = await startInProcess(t, [`--kubeconfig=${await server.kubeconfig()}`, '--share-watches']);
  const open = async (query: string, question: WebSocketQuestion = {}) => {
    const target = `${path}?watch=1&${query}`;
    const own = { ...question, fields: { Origin: program.url, ...question.fields } };
    const [direct, shared] = await Promise.all([
      RawWebSocket.open(t, server.url + target, { ...own, tls }),
      RawWebSocket.open(t, program.url + target, own),
    ]);
    return { direct, shared };
  };
  const write = async (name: string, data: object) => {
    const { metadata } = (await server.admin.do('POST', path, { metadata: { name }, data })) as {
      readonly metadata: { readonly resourceVersion: string };
    };
    return metadata.resourceVersion;
  };
  return { open, path, program, write };
}

type Both = Awaited<ReturnType<Awaited<ReturnType<typeof startBoth>>['open']>>;

/** The text of a Table without the ages of its objects, which grow until the API server writes it. */
const ageless = (bytes: Buffer) => bytes.toString('latin1').replace(/"(?:\d+[dhms])+"\],/g, '"AGE"],');

/**
 * All bytes; of Tables the opcodes and the messages, without the ages of their objects and without the columns that the API server sometimes
 * sends again, because it has encoded an event as the first one of another watch.
 */
function comparable({ bytes, frames }: RawWebSocket): string {
  if (!bytes.includes('"kind":"Table"')) return bytes.toString('latin1');
  const later = (message: string) =>
    message.replace(/"columnDefinitions":\[.*\],"rows"/, '"columnDefinitions":null,"rows"');
  return frames
    .map(
      ({ opcode, payload }, index) => `${opcode} ${index === 0 ? ageless(payload) : later(ageless(payload))}`,
    )
    .join('');
}

/** Waits until both have the same bytes, and as many frames as this, or are over; and compares them. */
async function assertSame(what: string, { direct, shared }: Both, frames?: number): Promise<void> {
  const isThere = ({ bytes, ended }: RawWebSocket) =>
    frames === undefined ? ended !== undefined : serverFrames(bytes).length >= frames;
  await eventually(what, () => isThere(direct) && isThere(shared));
  assert.equal(comparable(shared), comparable(direct), what);
  assert.equal(shared.ended, direct.ended, what);
}

test('a watch over a WebSocket gets from a shared watch what it gets from the API server: the handshake, each event as a message, pongs and the end', async (t, server) => {
  const { open, program, write } = await startBoth(t, server);
  const from = await write('first', {});
  await write('second', { of: 'x'.repeat(70_000) });
  const query = `resourceVersion=${from}`;
  const byProtocol = (...protocols: string[]) => ({
    fields: { 'Sec-WebSocket-Protocol': protocols.join(', ') },
  });
  const accept = (Accept: string) => ({ fields: { Accept } });
  const rows: readonly (readonly [what: string, query: string, WebSocketQuestion, events: number])[] = [
    ['text', query, {}, 1],
    ['binary', query, accept('application/vnd.kubernetes.protobuf;stream=watch'), 1],
    ['a Table', query, accept(forms.table), 1],
    ['metadata', query, accept(forms.partial), 1],
    ['a subprotocol', query, byProtocol('v4.channel.k8s.io'), 1],
    ['a subprotocol of nobody', query, byProtocol('other'), 1],
    ['an empty subprotocol', query, byProtocol(''), 1],
    ['two subprotocols', query, byProtocol('one', 'two'), 0],
    ['an extension', query, { fields: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }, 1],
    ['an odd key', query, { fields: { 'Sec-WebSocket-Key': 'x' } }, 1],
    ['no key', query, { fields: { 'Sec-WebSocket-Key': undefined } }, 0],
    ['another version', query, { fields: { 'Sec-WebSocket-Version': '8' } }, 0],
    ['no origin', query, { fields: { Origin: undefined } }, 0],
    ['a time limit', `${query}&timeoutSeconds=1`, {}, 1],
  ];
  const first = await open(query, {});
  for (const [what, query, question, events] of rows) {
    const both = await open(query, question);
    assert.equal(both.shared.head.split('\r\n')[0], both.direct.head.split('\r\n')[0], what);
    if (events === 0) continue;
    assert.equal(both.shared.head.replace(ofGuard, ''), both.direct.head, what);
    await assertSame(what, both, events);
    // The end of a time limit, or of the client.
    if (!query.includes('timeoutSeconds')) for (const one of Object.values(both)) one.send(close);
    await assertSame(what, both);
  }
  // The six handshakes for JSON find the watch of the first one: that with a time limit too.
  assert.equal(await ownMetric(program.port, joined), 6);
  for (const one of Object.values(first)) one.send(close);
});

test('what a client says over a WebSocket has the answer of the API server', async (t, server) => {
  const { open, write } = await startBoth(t, server);
  const query = `resourceVersion=${await write('first', {})}`;
  const unmasked = (opcode: number, payload: string) =>
    Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), Buffer.from(payload)]);
  const frames = (...parts: Buffer[]) => Buffer.concat(parts);
  const end = clientFrame(close, '');
  const rows: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['a ping', frames(clientFrame(ping, 'hello'), end)],
    ['pings of each length', frames(clientFrame(ping, ''), clientFrame(ping, 'x'.repeat(125)), end)],
    ['a ping that is too long', frames(clientFrame(ping, 'x'.repeat(200)), end)],
    ['a ping in parts', frames(clientFrame(ping, 'one', false), clientFrame(ping, 'two'), end)],
    [
      'a ping in a message',
      frames(clientFrame(text, 'a', false), clientFrame(ping, 'p'), clientFrame(0, 'b'), end),
    ],
    ['a pong', frames(clientFrame(0xa, 'p'), clientFrame(ping, 'q'), end)],
    ['messages', frames(clientFrame(text, 'a'), clientFrame(0x2, 'b'), clientFrame(ping, 'q'), end)],
    ['an unknown frame', frames(clientFrame(0xb, 'a'), clientFrame(ping, 'q'), end)],
    ['a close frame with a reason', clientFrame(close, Buffer.from([0x03, 0xe9, 0x62, 0x79, 0x65]))],
    ['an unmasked message', unmasked(text, 'a')],
    ['an unmasked ping', frames(clientFrame(ping, 'q'), unmasked(ping, 'a'))],
    ['an unmasked close frame', unmasked(close, '')],
    ['an empty frame of more than 32 MB', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 2, 0, 0, 1, 1, 2, 3, 4])],
  ];
  for (const [what, bytes] of rows) {
    const both = await open(query);
    for (const { socket } of Object.values(both)) socket.write(bytes);
    await assertSame(what, both);
    assert.equal(both.shared.bytes.subarray(-4).toString('hex'), '880203e8', what);
  }
  const both = await open(query);
  for (const { socket } of Object.values(both)) socket.end();
  await assertSame('no more bytes', both);
  await assertSame(
    'frames behind the request',
    await open(query, { early: frames(clientFrame(ping, 'p'), end) }),
  );
});
