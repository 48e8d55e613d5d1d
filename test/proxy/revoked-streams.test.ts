import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../../src/kubernetes/status.js';
import { longestEnd, type OpenStream } from '../../src/proxy/open-streams.js';
import { eventually, until } from '../support/eventually.js';
import { chunk, closing, message, startStreams } from './streams.js';

const error = new StatusError(401, 'the credential has expired');
const status = JSON.stringify(error.toStatus());
const pods = '/api/v1/namespaces/a/pods';

const streams: OpenStream[] = [];
const ended = new Set<OpenStream>();
const beginAt = await startStreams({
  follower: {
    endsAtExpiry: false,
    mayEnd: () => true,
    began: stream => streams.push(stream),
    opened() {},
    ended: stream => ended.add(stream),
  },
});

/** Begins a stream. */
async function begin(target: string, answer: string | Buffer, fields = '') {
  const known = streams.length;
  const begun = await beginAt(target, answer, fields);
  await eventually('the stream', () => streams.length > known);
  const stream = streams[known] as OpenStream;
  return { ...begun, stream, revoke: () => stream.revoke({ endedBy: 'expiry', error }) };
}

const json = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n';
const lastChunk = '0\r\n\r\n';
const watch = `${pods}?watch=true`;
const log = `${pods}/web/log?follow=true`;
const protobuf = (length: number) =>
  Buffer.concat([Buffer.from([0, 0, 0, length]), Buffer.alloc(length, 'p')]);

describe('a plain stream whose right has ended', () => {
  for (const { name, target, head = json, sent, rest, kept, isComplete } of [
    { name: 'a watch between two events', target: watch, sent: '{}\n', rest: '', kept: '', isComplete: true },
    {
      name: 'a watch within an event',
      target: watch,
      sent: '{}\n{',
      rest: '}\n{}\n',
      kept: '}\n',
      isComplete: true,
    },
    {
      ...{ name: 'a watch in protobuf', target: watch, isComplete: true },
      head: json.replace('json', 'vnd.kubernetes.protobuf;stream=watch'),
      sent: Buffer.concat([protobuf(2), protobuf(9).subarray(0, 6)]),
      rest: Buffer.concat([protobuf(9).subarray(6), protobuf(3)]),
      kept: protobuf(9).subarray(6).toString(),
    },
    {
      ...{ name: 'a watch in a format that the proxy does not know', target: watch, isComplete: false },
      head: json.replace('json', 'cbor-seq'),
      ...{ sent: '{}\n', rest: '', kept: '' },
    },
    {
      ...{ name: 'a compressed watch', target: watch, isComplete: false },
      head: `${json}Content-Encoding: gzip\r\n`,
      ...{ sent: '{}\n', rest: '', kept: '' },
    },
    { name: 'a log behind a line', target: log, sent: 'one\n', rest: '', kept: '', isComplete: false },
    {
      name: 'a log within a line',
      target: log,
      sent: 'one\ntw',
      rest: 'o\nthree\n',
      kept: 'o\n',
      isComplete: false,
    },
    {
      ...{ name: 'a long answer of a program behind the API server', target: `${pods}/web/proxy/` },
      ...{ sent: 'one\ntw', rest: 'o\nthree\n', kept: 'o\n', isComplete: false },
    },
  ]) {
    it(`ends ${isComplete ? 'with its last chunk' : 'without its last chunk'}: ${name}`, async () => {
      const { stream, client, upstream, revoke } = await begin(target, `${head}\r\n`);
      upstream.write(chunk(sent));
      await client.until(/\r\n\r\n[\s\S]*[{pe]/);
      const before = client.received().length;
      const closed = new Promise(resolve => upstream.once('end', resolve).resume());
      revoke();
      if (rest !== '') upstream.write(chunk(rest));
      if (isComplete) await client.until(/\r\n0\r\n\r\n$/);
      else await client.untilClosed();
      const after = client.received().slice(before);
      const body = kept === '' ? '' : chunk(kept).toString('latin1');
      assert.equal(after, isComplete ? `${body}${lastChunk}` : body);
      assert.equal(stream.request.record.endedBy, 'expiry');
      assert.ok(ended.has(stream));
      await closed;
    });
  }

  it('is cut if its client does not read for 10 s', async t => {
    const { stream, client, upstream, revoke } = await begin(log, `${json}\r\n`);
    await client.until(/\r\n\r\n/);
    client.socket.pause();
    const line = Buffer.alloc(1024 * 1024, 'x');
    let isFull = false;
    upstream.on('drain', () => {
      isFull = false;
    });
    // Until nothing on the way has room.
    for (let quiet = 0; quiet < 20; ) {
      if (!isFull) isFull = !upstream.write(chunk(line));
      await new Promise(setImmediate);
      quiet = isFull ? quiet + 1 : 0;
    }
    t.mock.timers.enable({ apis: ['setTimeout'] });
    revoke();
    t.mock.timers.tick(longestEnd - 1);
    assert.equal(stream.request.record.hasEnded, false);
    t.mock.timers.tick(1);
    t.mock.timers.reset();
    await until(() => stream.request.record.hasEnded);
    assert.equal(stream.request.record.endedBy, 'expiry');
  });
});

const upgradeTo = (protocol: string, fields = '') =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${fields}\r\n`;
const asks = (protocol: string) => `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
const bytes = (...values: number[]) => Buffer.from(values);
const channel = (protocol: string) => `Sec-WebSocket-Protocol: ${protocol}\r\n`;
const binaryStatus = Buffer.concat([
  message(0x82, Buffer.concat([bytes(3), Buffer.from(status)])),
  closing(1000),
]);
const spdyData = (stream: number, flags: number, payload: string) =>
  Buffer.concat([bytes(0, 0, 0, stream, flags, 0, 0, payload.length), Buffer.from(payload)]);

describe('an upgraded connection whose right has ended', () => {
  const exec = `${pods}/web/exec?command=sh`;
  const frame = message(0x82, Buffer.from('\x01some output'));
  const spdyFrame = spdyData(3, 0, 'some output');
  for (const { name, target, protocol, fields, first, last } of [
    {
      ...{ name: 'exec over a WebSocket', target: exec, protocol: 'websocket', first: frame },
      ...{ fields: channel('v5.channel.k8s.io'), last: binaryStatus },
    },
    {
      ...{
        name: 'attach over a WebSocket',
        target: `${pods}/web/attach`,
        protocol: 'WebSocket',
        first: frame,
      },
      ...{ fields: channel('v4.channel.k8s.io'), last: binaryStatus },
    },
    {
      ...{ name: 'exec in base64', target: exec, protocol: 'websocket', first: frame },
      fields: channel('v4.base64.channel.k8s.io'),
      last: Buffer.concat([
        message(0x81, Buffer.from(`3${Buffer.from(status).toString('base64')}`)),
        closing(1000),
      ]),
    },
    {
      ...{ name: 'exec without a Status', target: exec, protocol: 'websocket', first: frame },
      ...{ fields: channel('channel.k8s.io'), last: closing(1008, error.message) },
    },
    {
      ...{ name: 'a watch over a WebSocket', target: watch, protocol: 'websocket', first: frame, fields: '' },
      last: closing(1008, error.message),
    },
    {
      ...{ name: 'port-forward over a WebSocket', target: `${pods}/web/portforward`, protocol: 'websocket' },
      ...{ first: frame, fields: channel('v4.channel.k8s.io'), last: closing(1008, error.message) },
    },
    {
      ...{ name: 'exec over SPDY', target: exec, protocol: 'SPDY/3.1', first: spdyFrame },
      fields: 'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n',
      last: spdyData(1, 1, status),
    },
    {
      ...{ name: 'exec over SPDY without a Status', target: exec, protocol: 'SPDY/3.1', first: spdyFrame },
      ...{ fields: 'X-Stream-Protocol-Version: v3.channel.k8s.io\r\n', last: spdyData(1, 1, error.message) },
    },
    {
      ...{ name: 'port-forward over SPDY', target: `${pods}/web/portforward`, protocol: 'SPDY/3.1' },
      ...{ first: spdyFrame, fields: '', last: bytes() },
    },
    {
      ...{ name: 'another protocol', target: `${pods}/web/proxy/`, protocol: 'other/1' },
      ...{ first: Buffer.from('anything'), fields: '', last: bytes() },
    },
    {
      ...{ name: 'a protocol with a similar name', target: watch, protocol: 'x-websocket' },
      ...{ first: Buffer.from('anything'), fields: '', last: bytes() },
    },
  ]) {
    const knowsFrames = /^(websocket|spdy)/i.test(protocol);
    for (const cut of knowsFrames ? [first.length, 1, 5] : [first.length]) {
      it(`gets its last words: ${name}, ${cut === first.length ? 'between two frames' : `after ${cut} bytes of a frame`}`, async () => {
        const { stream, client, upstream, revoke } = await begin(
          target,
          upgradeTo(protocol, fields),
          asks(protocol),
        );
        await client.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/);
        const before = client.received().length;
        upstream.write(first.subarray(0, cut));
        await until(() => client.received().length === before + cut);
        const closed = new Promise(resolve => upstream.once('end', resolve).resume());
        revoke();
        if (cut < first.length) upstream.write(Buffer.concat([first.subarray(cut), first]));
        await client.untilClosed();
        const received = Buffer.from(client.received(), 'latin1').subarray(before);
        assert.deepEqual(received, Buffer.concat([first, last]));
        assert.equal(stream.request.record.endedBy, 'expiry');
        await closed;
        upstream.end();
        client.socket.end();
        await until(() => ended.has(stream));
      });
    }
  }

  it('ends with the API server’s end of it, and is cut off when the program ends', async () => {
    for (const endedBy of ['upstream', 'shutdown'] as const) {
      const { stream, client, upstream } = await begin(exec, upgradeTo('SPDY/3.1'), asks('SPDY/3.1'));
      await client.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/);
      assert.equal(stream.upgradedTo, stream.request.cluster);
      if (endedBy === 'upstream') upstream.destroy();
      else stream.destroy();
      await client.untilClosed();
      client.destroy();
      await until(() => ended.has(stream));
      assert.equal(stream.request.record.endedBy, endedBy);
    }
  });

  it('is reset if its client does not end it, or does not read the rest of a frame', async t => {
    for (const [rest, time] of [
      ['', 5_000],
      ['half a frame', longestEnd],
    ] as const) {
      const { stream, client, upstream, revoke } = await begin(exec, upgradeTo('SPDY/3.1'), asks('SPDY/3.1'));
      await client.until(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n/);
      if (rest !== '') upstream.write(spdyData(1, 0, rest).subarray(0, 10));
      await client.until(rest === '' ? /\r\n\r\n$/ : /ha$/);
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const gotEnd = new Promise(resolve => client.socket.once('end', resolve));
      revoke();
      if (rest === '') await gotEnd;
      t.mock.timers.tick(time - 1);
      assert.equal(stream.request.record.hasEnded, false);
      t.mock.timers.tick(1);
      t.mock.timers.reset();
      await until(() => stream.request.record.hasEnded);
    }
  });
});

it('a stream whose right has ended is a Status if its answer has not begun', async () => {
  for (const [target, fields] of [
    [watch, ''],
    [`${pods}/web/exec`, asks('websocket')],
  ] as const) {
    const { client, revoke } = await begin(target, '', fields);
    revoke();
    await client.until(/^HTTP\/1\.1 401 [\s\S]*"the credential has expired"/);
  }
});
