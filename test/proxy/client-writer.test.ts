import assert from 'node:assert/strict';
import http, { type ServerResponse } from 'node:http';
import { after, describe, test } from 'node:test';
import { ClientWriter } from '../../src/proxy/client-writer.js';
import type { RequestRecord } from '../../src/request/record.js';
import { LentBytes } from '../../src/transport/borrowed-bytes.js';
import { connectRaw, type RawConnection } from '../support/clients/raw-http.js';
import { until } from '../support/eventually.js';
import { listenFor } from '../support/ports.js';
import { FakeLease } from '../support/transport/fake-pool.js';

/** A writer with a real client, and everything else that it needs. */
interface Written {
  readonly writer: ClientWriter;
  readonly client: RawConnection;
  readonly trip: FakeLease;
  readonly response: ServerResponse;
  readonly record: Pick<RequestRecord, 'endedBy' | 'failure' | 'auditId'>;
  /** The error that was left to Fastify to answer with. */
  readonly sent: Error[];
  readonly overs: () => number;
  /** Passes a part of a body on. Its bytes are overwritten after the call unless they were kept. */
  pass(text: string): void;
}

let onRequest: (response: ServerResponse) => void;
const server = http.createServer((_request, response) => onRequest(response));
const port = await listenFor({ after }, server);

/** Bytes that change after the call unless somebody keeps them. */
class Part extends LentBytes {
  constructor(bytes: Buffer) {
    super();
    this.bytes = bytes;
  }

  keep(): Buffer {
    const kept = this.bytes ?? assert.fail('it was used after the call');
    this.bytes = undefined;
    return kept;
  }

  takeBack(): void {
    this.bytes?.fill('#');
    this.bytes = undefined;
  }
}

async function start({
  longRunning = false,
  ending = false,
  mayBeEnded = false,
  version = '1.1',
} = {}): Promise<Written> {
  const arrived = new Promise<ServerResponse>(resolve => {
    onRequest = resolve;
  });
  const client = await connectRaw(port);
  client.write(`GET / HTTP/${version}\r\nHost: x\r\n\r\n`);
  const response = await arrived;
  const record = {
    longRunning,
    opened() {},
    answeredUpstream(_code: number, auditId: string | undefined) {
      record.auditId = auditId;
    },
  } as unknown as RequestRecord;
  const sent: Error[] = [];
  const reply = { raw: response, sent: false, hijack() {}, send: (error: Error) => sent.push(error) };
  let overs = 0;
  const owner = {
    mayBeEnded,
    onOver() {
      overs += 1;
    },
  };
  const request = {
    reply,
    record,
    mount: { namesContext: false },
    path: { api: undefined },
    head: { mayBeBrowser: false },
    answerHeaders: ['X-Ours', '1'],
  };
  const writer = new ClientWriter(
    request as never,
    { sandboxesProxiedPages: false, openStreams: { ending } as never },
    owner,
  );
  const trip = new FakeLease('any');
  writer.trip = trip;
  const pass = (text: string) => {
    const bytes = Buffer.from(text);
    const part = new Part(bytes);
    writer.data(part);
    part.takeBack();
  };
  return { writer, client, trip, response, record, sent, overs: () => overs, pass };
}

const length = (bytes: number) => ['Content-Length', String(bytes), 'Connection', 'keep-alive'];
const chunked = ['Transfer-Encoding', 'chunked', 'Audit-ID', 'a-1'];

describe('the client writer', () => {
  test('writes the head, the body and the proxy’s own fields', async () => {
    const { writer, client, record, overs, pass } = await start();
    writer.head(200, 'OK', length(5));
    pass('he');
    pass('llo');
    writer.end();
    await client.until(
      /^HTTP\/1\.1 200 OK\r\nContent-Length: 5\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: [^\r]+\r\nX-Ours: 1\r\n[\s\S]*\r\n\r\nhello$/,
    );
    assert.deepEqual([record.endedBy, overs()], ['upstream', 1]);
    assert.doesNotMatch(client.received(), /Connection: close/);
  });

  test('sends the head of a watch before its first event, and each event immediately in its own chunk', async () => {
    const { writer, client, pass } = await start({ longRunning: true });
    writer.head(200, 'OK', chunked);
    await client.until(/\r\n\r\n$/);
    pass('event 1');
    writer.idle();
    await client.until(/\r\n\r\n7\r\nevent 1\r\n$/);
    pass('x'.repeat(9000));
    writer.idle();
    pass('event 2');
    writer.idle();
    await client.until(/\r\n2328\r\nx{9000}\r\n7\r\nevent 2\r\n$/);
  });

  test('sends the head of any answer whose body is not there yet', async () => {
    const { writer, client } = await start();
    writer.head(200, 'OK', chunked);
    writer.idle();
    await client.until(/\r\n\r\n$/);
  });

  test('sends the events of a watch without chunks to a client of HTTP/1.0, whose answer ends with the connection', async () => {
    const { writer, client, pass } = await start({ longRunning: true, version: '1.0' });
    writer.head(200, 'OK', chunked);
    pass('event 1,');
    writer.idle();
    await client.until(/\r\n\r\nevent 1,$/);
    pass('event 2');
    writer.end();
    assert.match(await client.untilClosed(), /\r\n\r\nevent 1,event 2$/);
  });

  test('tells the client to close its connection during shutdown', async () => {
    const { writer, client } = await start({ ending: true });
    writer.head(200, 'OK', length(0));
    writer.end();
    assert.match(await client.untilClosed(), /Connection: close/);
  });

  test('makes the API server wait for a client that does not read, and keeps the bytes until it reads', async () => {
    const { writer, client, trip, pass } = await start();
    client.socket.pause();
    writer.head(200, 'OK', chunked);
    while (trip.calls.length === 0) {
      pass('x'.repeat(65_536));
      writer.idle();
    }
    assert.deepEqual([trip.calls, writer.holdsBytes], [['pause'], true]);
    client.socket.resume();
    await until(() => trip.calls.length === 2);
    assert.deepEqual(trip.calls, ['pause', 'resume']);
    await until(() => !writer.holdsBytes);
    writer.end();
    await client.until(/\r\n0\r\n\r\n$/);
  });

  test('keeps no bytes after they were written immediately', async () => {
    const { writer, client, pass } = await start();
    writer.head(200, 'OK', length(5));
    pass('hello');
    assert.equal(writer.holdsBytes, true);
    writer.end();
    assert.equal(writer.holdsBytes, false);
    await client.until(/hello$/);
  });

  test('leaves an error before the head to Fastify, which answers with a Status', async () => {
    const { writer, record, sent, overs } = await start();
    const error = new Error('unreachable');
    writer.error(error);
    assert.deepEqual([sent, record.endedBy, overs()], [[error], 'error', 1]);
  });

  for (const [how, head, version] of [
    ['with a length', length(10), '1.1'],
    ['in chunks', chunked, '1.1'],
    ['without a length', chunked, '1.0'],
  ] as const) {
    test(`sends the received part of an answer ${how} that breaks off, and shows the client that it was cut`, async () => {
      const { writer, client, record, sent, pass } = await start({ version });
      writer.head(200, 'OK', [...head]);
      pass('half');
      const error = new Error('broken');
      writer.error(error);
      const received = await client.untilClosed();
      assert.match(received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*half/);
      assert.doesNotMatch(received, /\r\n0\r\n\r\n$/);
      assert.deepEqual([sent, record.failure], [[], error]);
      // Node reports a reset directly after bytes as an end.
      assert.equal(client.socket.remoteAddress === undefined, version === '1.0');
    });
  }

  test('throws for an invalid answer, and still accepts an error afterwards', async () => {
    const { writer, sent } = await start();
    assert.throws(() => writer.head(200, 'O\x01K', []), { code: 'ERR_INVALID_CHAR' });
    writer.error(new Error('no HTTP'));
    assert.equal(sent.length, 1);
  });

  test('ends a watch with its last chunk during shutdown, and answers with an error before its head', async () => {
    const open = await start({ longRunning: true });
    open.writer.head(200, 'OK', chunked);
    open.pass('event');
    open.writer.endEarly(new Error('leaving'));
    await open.client.until(/event\r\n0\r\n\r\n$/);

    const waiting = await start({ longRunning: true });
    waiting.writer.endEarly(new Error('leaving'));
    assert.equal(waiting.sent[0]?.message, 'leaving');
  });

  test('accepts nothing after it is closed', async () => {
    const { writer, client, sent, overs, response, pass } = await start({ longRunning: true });
    writer.head(200, 'OK', chunked);
    await client.until(/\r\n\r\n$/);
    writer.close();
    for (const late of ['late', 'later']) pass(late);
    writer.end();
    writer.error(new Error('late'));
    writer.endEarly(new Error('later'));
    writer.idle();
    assert.deepEqual([writer.state, sent, overs(), response.writableEnded], ['over', [], 1, false]);
    assert.deepEqual([writer.holdsBytes, writer.waiting], [false, 0]);
  });
});
