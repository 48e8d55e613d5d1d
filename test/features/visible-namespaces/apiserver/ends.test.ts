import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import https from 'node:https';
import { createServingFiles } from '../../../support/certificates/serving-files.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { eventually } from '../../../support/eventually.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { FilteringGateway } from '../../../support/kube-apiserver/filtering-gateway.js';

const path = '/api/v1/namespaces';
const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';
const normalClosure = '880203e8';

/** One open watch, whatever carries it: what has come of it, and whether its end is that of a whole answer. */
interface Carried {
  readonly name: string;
  readonly bytes: () => Buffer;
  readonly isOver: () => boolean;
  /** Whether the last event is the ERROR with 410, whole and in the format of the others. */
  readonly hasExpired: () => boolean;
}

const json = (text: string) => {
  const { type, object } = JSON.parse(text) as { type: string; object: { kind: string; code: number } };
  return type === 'ERROR' && object.kind === 'Status' && object.code === 410;
};
const lastLine = (bytes: Buffer) => {
  const text = bytes.toString();
  return text.endsWith('\n') && json(text.trim().split('\n').at(-1) ?? '');
};
/** The last message, which has a length of four bytes. */
const lastMessage = (bytes: Buffer) => {
  let at = 0;
  let last: Buffer = Buffer.alloc(0);
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at);
    last = bytes.subarray(at + 4, end);
    at = end;
  }
  return at === bytes.length && isExpiredMessage(last);
};
/** A metav1.WatchEvent with a Status. */
const isExpiredMessage = (message: Buffer) =>
  message.subarray(0, 7).equals(Buffer.from('\n\u0005ERROR')) &&
  message.includes('k8s\0') &&
  message.includes('Expired') &&
  message.includes(Buffer.from([0x30, 0x9a, 0x03]));
/** The frames of a server: the payload of the last message, before the close frame. */
const lastFrame = (bytes: Buffer, opcode: number) => {
  let at = 0;
  const frames: { readonly opcode: number; readonly payload: Buffer }[] = [];
  while (at < bytes.length) {
    const short = (bytes[at + 1] as number) & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    const length =
      short === 126
        ? bytes.readUInt16BE(at + 2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short;
    frames.push({
      opcode: (bytes[at] as number) & 0x0f,
      payload: bytes.subarray(at + head, at + head + length),
    });
    at += head + length;
  }
  const [event, close] = frames.slice(-2);
  if (event?.opcode !== opcode || close?.opcode !== 8) return false;
  return opcode === 1 ? json(event.payload.toString()) : isExpiredMessage(event.payload);
};

test('a watch ends with an ERROR event of 410 in its own format, when rights come, go, or a namespace is deleted, over each leg and version', async (t, server) => {
  const files = await createServingFiles();
  const gateway = await FilteringGateway.start(t, server, { users: ['ann'], files });
  const { port, url } = gateway;
  const { certificate: ca } = files.authority;
  const authorization = 'Bearer ann';

  const plain = async (accept: string): Promise<Carried> => {
    const watch = await gateway.watch('ann', '', { accept });
    const isLast = accept === protobuf ? lastMessage : lastLine;
    return {
      name: `HTTP/1.1 ${accept}`,
      bytes: () => watch.bytes(),
      isOver: () => watch.state() === 'end',
      hasExpired: () => isLast(watch.bytes()),
    };
  };
  const multiplexed = async (accept: string): Promise<Carried> => {
    const session = await connectHttp2(port, ca);
    t.after(() => session.destroy());
    const stream = openStream(session, `${path}?watch=1`, { authorization, accept });
    const chunks: Buffer[] = [];
    let isOver = false;
    stream
      .on('data', (chunk: Buffer) => chunks.push(chunk))
      .on('end', () => {
        isOver = stream.rstCode === 0;
      });
    assert.equal((await headOf(stream))[':status'], 200);
    const isLast = accept === protobuf ? lastMessage : lastLine;
    return {
      name: `HTTP/2 ${accept}`,
      bytes: () => Buffer.concat(chunks),
      isOver: () => isOver,
      hasExpired: () => isLast(Buffer.concat(chunks)),
    };
  };
  const upgraded = (accept: string, query = ''): Promise<Carried> =>
    new Promise((resolve, reject) => {
      const headers = {
        ...{ connection: 'Upgrade', upgrade: 'websocket', origin: url, authorization, accept },
        ...{ 'sec-websocket-version': '13', 'sec-websocket-key': randomBytes(16).toString('base64') },
      };
      const target = `${path}?watch=1${query}`;
      const request = https.request({ host: '127.0.0.1', port, path: target, ca, agent: false, headers });
      request.on('error', reject).on('response', response => reject(new Error(String(response.statusCode))));
      request.on('upgrade', (_response, socket, head) => {
        const chunks: Buffer[] = [head];
        let isOver = false;
        socket
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => {
            isOver = Buffer.concat(chunks).toString('hex').endsWith(normalClosure);
            socket.end();
          });
        const opcode = accept === protobuf ? 2 : 1;
        resolve({
          name: `WebSocket ${accept}${query}`,
          bytes: () => Buffer.concat(chunks),
          isOver: () => isOver,
          hasExpired: () => lastFrame(Buffer.concat(chunks), opcode),
        });
      });
      request.end();
    });
  const nothing = '&labelSelector=none';
  const openAll = () =>
    Promise.all([
      ...['', table, protobuf].flatMap(accept => [plain(accept), multiplexed(accept), upgraded(accept)]),
      ...['', protobuf].map(accept => upgraded(accept, nothing)),
    ]);

  const other = await gateway.namespace('other');
  const doomed = await gateway.namespaceOf('ann', 'doomed');
  const own = await gateway.namespaceOf('ann', 'own');
  const changes: readonly (readonly [what: string, change: () => Promise<unknown>, most: number])[] = [
    // They are spread over 5 s.
    ['a grant', () => gateway.bind(other, gateway.user('ann')).then(done => undo.push(done)), 15_000],
    ['the loss of it', () => (undo.pop() as () => Promise<void>)(), 5_000],
    ['a namespace that is deleted', () => gateway.deleteNamespace(doomed), 5_000],
  ];
  const undo: (() => Promise<void>)[] = [];
  for (const [what, change, most] of changes) {
    const watches = await openAll();
    const [first] = watches;
    await eventually('the first events', () => first?.bytes().includes(own) === true);
    await change();
    for (const { name, isOver, hasExpired, bytes } of watches) {
      await eventually(`${name} ends after ${what}: ${bytes().toString('latin1')}`, isOver, most);
      assert.ok(hasExpired(), `${name} after ${what}: ${bytes().toString('latin1')}`);
    }
  }
});
