import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { EventSocket } from '../../../src/features/visible-namespaces/web-socket.js';
import { fieldValue } from '../../../src/http/header-fields.js';
import type { ResponseSink, SwitchedResponse } from '../../../src/transport/round-trip.js';

/** The example of RFC 6455, section 1.3. */
const handshake = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version', '13'];

/** A close frame: the end is normal. */
const goodbye = '\x88\x02\x03\xe8';

let calls: string[];
let switched: SwitchedResponse | undefined;
let errors: Error[];
let socket: EventSocket;
let received: Buffer[];

function start(headers: readonly string[] = handshake): void {
  calls = [];
  errors = [];
  received = [];
  const sink = {
    switched: (response: SwitchedResponse) => {
      switched = response;
    },
    error: (error: Error) => errors.push(error),
  } as unknown as ResponseSink;
  const control = {
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    abort: () => calls.push('abort'),
  };
  socket = new EventSocket(sink, headers, ['Audit-Id', 'a'], control);
}

function begin(): SwitchedResponse {
  socket.begin();
  assert.ok(switched);
  return switched;
}

async function open(): Promise<SwitchedResponse['socket']> {
  const { socket: opened } = begin();
  opened.on('data', (chunk: Buffer) => received.push(chunk));
  await turn();
  return opened;
}

beforeEach(() => start());

/** A frame of a client, with a mask. */
function frame(opcode: number, payload: string, size = payload.length): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const body = Buffer.from(payload).map((byte, index) => byte ^ (mask[index % 4] as number));
  const long = Buffer.alloc(2);
  long.writeUInt16BE(size);
  const length = size < 126 ? [0x80 | size] : [0xfe, ...long];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length]), mask, body]);
}

describe('a watch as a WebSocket', () => {
  it('switches protocols as RFC 6455 says, with the first subprotocol', () => {
    const { headers } = begin();
    assert.equal(fieldValue(headers, 'sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(fieldValue(headers, 'sec-websocket-protocol'), undefined);
    assert.equal(fieldValue(headers, 'audit-id'), 'a');
    start([...handshake, 'Sec-WebSocket-Protocol', 'base64.binary.k8s.io, other']);
    assert.equal(fieldValue(begin().headers, 'sec-websocket-protocol'), 'base64.binary.k8s.io');
    for (const headers of [handshake.slice(2), handshake.slice(0, 2)])
      assert.throws(() => start(headers), /Sec-WebSocket-Version 13/);
  });

  it('sends each event as one message of text, with its length in the shortest form', async () => {
    await open();
    for (const [length, head] of [
      [125, [0x81, 125]],
      [126, [0x81, 126, 0, 126]],
      [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
    ] as const) {
      received = [];
      socket.event('x'.repeat(length));
      await turn();
      const bytes = Buffer.concat(received);
      assert.deepEqual([...bytes.subarray(0, head.length)], head);
      assert.equal(bytes.length, head.length + length);
    }
  });

  it('answers pings and a close, however they are cut, and ignores messages', async () => {
    const bytes = Buffer.concat([
      frame(0x1, 'ping'),
      frame(0x2, 'y'.repeat(300), 300),
      frame(0x9, 'hello'),
      frame(0xa, ''),
      frame(0x9, ''),
      frame(0x8, ''),
    ]);
    for (const size of [1, 7, bytes.length]) {
      start();
      const opened = await open();
      for (let at = 0; at < bytes.length; at += size) opened.write(bytes.subarray(at, at + size));
      await turn();
      await turn();
      const sent = Buffer.concat(received).toString('latin1');
      assert.equal(sent, `\x8a\x05hello\x8a\x00${goodbye}`);
      assert.ok(calls.includes('abort'));
      assert.ok(opened.readableEnded);
    }
  });

  it('answers a ping without a mask as soon as its two bytes are there', async () => {
    const opened = await open();
    opened.write(Buffer.from([0x89, 0]));
    await turn();
    assert.deepEqual(Buffer.concat(received), Buffer.from([0x8a, 0]));
  });

  it('says goodbye at its end, and sends nothing behind that', async () => {
    const opened = await open();
    socket.event('a');
    socket.end();
    socket.event('b');
    socket.end();
    await turn();
    assert.equal(Buffer.concat(received).toString('latin1'), `\x81\x01a${goodbye}`);
    opened.destroySoon();
    await turn();
    assert.ok(calls.includes('abort'));
  });

  it('is answered with the error before it has begun, and ends after that', async () => {
    socket.fail(new Error('no'));
    assert.deepEqual([errors.length, switched?.headers.length === undefined], [1, switched === undefined]);
    start();
    await open();
    socket.event('a');
    socket.fail(new Error('no'));
    assert.equal(errors.length, 0);
    await turn();
    assert.ok(Buffer.concat(received).toString('latin1').endsWith(goodbye));
  });

  it('stops what brings the events while its client does not read', async () => {
    const { socket: opened } = begin();
    for (let count = 0; count < 10; count += 1) socket.event('x'.repeat(10_000));
    assert.deepEqual(calls, ['pause']);
    opened.resume();
    await turn();
    await turn();
    assert.deepEqual(calls, ['pause', 'resume']);
  });
});
