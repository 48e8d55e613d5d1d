import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatusError } from '../../src/kubernetes/status.js';
import { longestEnd } from '../../src/proxy/open-streams.js';
import type { Onward, Route, RoutedTrip } from '../../src/proxy/route.js';
import type { ResponseSink } from '../../src/transport/round-trip.js';
import { until } from '../support/eventually.js';
import { chunk, closing, message, startStreams } from './streams.js';

const error = new StatusError(410, 'too old');
const watch = '/api/v1/namespaces?watch=true';
const json = `{"type":"ERROR","object":${JSON.stringify(error.toStatus())}}\n`;
/** What client-go decodes: a WatchEvent with a RawExtension with a runtime.Unknown with a Status. */
const protobuf = Buffer.concat([
  Buffer.from('0a054552524f52', 'hex'),
  Buffer.from('123a0a38', 'hex'),
  Buffer.from('6b3873000a0c', 'hex'),
  Buffer.from('0a0276311206', 'hex'),
  Buffer.from('Status'),
  Buffer.from('12200a00', 'hex'),
  Buffer.from('1207', 'hex'),
  Buffer.from('Failure'),
  Buffer.from('1a07', 'hex'),
  Buffer.from('too old'),
  Buffer.from('2207', 'hex'),
  Buffer.from('Expired'),
  Buffer.from('309a03', 'hex'),
  Buffer.from('1a002200', 'hex'),
]);

let onward: Onward<ResponseSink>;
let endedBy: () => string | undefined;
let hasEnded: () => boolean;
let mayExpire = true;

function take(
  request: Parameters<Route['take']>[0],
  own: Parameters<Route['take']>[1],
  sink: ResponseSink,
  to: Onward<never>,
): RoutedTrip {
  onward = to as Onward<ResponseSink>;
  endedBy = () => request.record.endedBy;
  hasEnded = () => request.record.hasEnded;
  return Object.assign(onward.sendAfter(route, own, sink), { mayExpire });
}
const route: Route = { take, takeUpgrade: take };

const beginAt = await startStreams({ routes: [route] });

async function begin(answer: string, fields = '') {
  const begun = await beginAt(watch, answer, fields);
  await begun.client.until(/\r\n\r\n/);
  return begun;
}

const framed = (message: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, message.length]), message]);
const headOf = (type: string, fields = '') =>
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: ${type}\r\n${fields}\r\n`;
const ofProtobuf = 'application/vnd.kubernetes.protobuf;stream=watch';

describe('a watch that a route lets expire', () => {
  for (const { name, head, sent, rest, last } of [
    { name: 'before its first event', head: headOf('application/json'), sent: '', rest: '', last: json },
    { name: 'between two events', head: headOf('application/json'), sent: '{}\n', rest: '', last: json },
    { name: 'within an event', head: headOf('application/json'), sent: '{}\n{', rest: '}\n', last: json },
    {
      name: 'in protobuf',
      head: headOf(ofProtobuf),
      sent: framed(Buffer.from('ab')),
      rest: '',
      last: framed(protobuf),
    },
    {
      ...{ name: 'in protobuf, within an event', head: headOf(ofProtobuf), last: framed(protobuf) },
      ...{ sent: framed(Buffer.from('abc')).subarray(0, 5), rest: 'bc' },
    },
  ]) {
    it(`ends with an ERROR event in its format, ${name}`, async () => {
      const { client, upstream } = await begin(head);
      const before = client.received().length;
      if (sent.length > 0) upstream.write(chunk(sent));
      await until(() => client.received().length >= before + (sent.length > 0 ? chunk(sent).length : 0));
      onward.expire(error);
      if (rest !== '') upstream.write(Buffer.concat([chunk(rest), chunk('{"type":"ADDED"}\n')]));
      await client.until(/\r\n0\r\n\r\n$/);
      const parts = [
        ...(sent.length > 0 ? [chunk(sent)] : []),
        ...(rest === '' ? [] : [chunk(rest)]),
        chunk(last),
      ];
      const expected = Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
      assert.deepEqual(Buffer.from(client.received().slice(before), 'latin1'), expected);
      assert.equal(endedBy(), 'access');
    });
  }

  it('is cut in a format without such a place', async () => {
    for (const head of [
      headOf('application/cbor-seq'),
      headOf('application/json', 'Content-Encoding: gzip\r\n'),
    ]) {
      const { client } = await begin(head);
      onward.expire(error);
      assert.doesNotMatch(await client.untilClosed(), /ERROR|\r\n0\r\n\r\n$/);
    }
  });

  it('is cut if its client does not read the rest of an event', async t => {
    const { upstream, client } = await begin(headOf('application/json'));
    upstream.write(chunk('{'));
    await client.until(/\{\r\n$/);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    onward.expire(error);
    onward.expire(error);
    t.mock.timers.tick(longestEnd);
    t.mock.timers.reset();
    await until(hasEnded);
  });
});

describe('a watch over a WebSocket that a route lets expire', () => {
  const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const asks = (accept: string) => `Connection: Upgrade\r\nUpgrade: websocket\r\nAccept: ${accept}\r\n`;
  const inJson = Buffer.concat([message(0x81, Buffer.from(json)), closing(1000)]);
  const inProtobuf = Buffer.concat([message(0x82, protobuf), closing(1000)]);
  const text = message(0x81, Buffer.from('{}'));
  const binary = message(0x82, Buffer.from('event'));
  const type = 'application/vnd.kubernetes.protobuf';
  for (const [name, accept, sent, cut, last] of [
    ['before its first event', '', Buffer.alloc(0), 0, inJson],
    ['before its first event, in protobuf', type, Buffer.alloc(0), 0, inProtobuf],
    [
      'before its first event, in protobuf or JSON',
      `${type},application/json`,
      Buffer.alloc(0),
      0,
      inProtobuf,
    ],
    ['before its first event, in JSON or protobuf', `application/json,${type}`, Buffer.alloc(0), 0, inJson],
    ['as text', type, text, 2, inJson],
    ['within a text', '', text, 1, inJson],
    ['as bytes', type, binary, 7, inProtobuf],
    ['within bytes', type, binary, 4, inProtobuf],
    ['in CBOR', 'application/cbor', binary, 4, closing(1008, 'too old')],
    ['in CBOR before its first event', 'application/cbor', Buffer.alloc(0), 0, closing(1008, 'too old')],
  ] as const)
    it(`ends with an ERROR event in its format, ${name}`, async () => {
      const { client, upstream } = await begin(upgraded, asks(accept));
      const before = client.received().length;
      upstream.write(sent.subarray(0, cut));
      await until(() => client.received().length === before + cut);
      onward.expire(error);
      onward.expire(error);
      if (cut < sent.length) upstream.write(Buffer.concat([sent.subarray(cut), sent]));
      await until(() => client.received().length >= before + sent.length + last.length);
      const received = Buffer.from(client.received(), 'latin1').subarray(before);
      assert.deepEqual(received, Buffer.concat([sent, last]));
      assert.equal(endedBy(), 'access');
      upstream.end();
      client.socket.end();
      await until(hasEnded);
    });
});

it('without a follower and such a route, nobody reads the ends of events: an end by another cuts it', async () => {
  mayExpire = false;
  const { client } = await begin(headOf('application/json'));
  onward.expire(error);
  assert.doesNotMatch(await client.untilClosed(), /ERROR/);
  mayExpire = true;
});
