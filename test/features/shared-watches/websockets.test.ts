import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  acceptedHandshake,
  withoutHandshake,
} from '../../../src/features/shared-watches/websockets/handshake.js';
import type { SwitchedSocket } from '../../../src/transport/round-trip.js';
import { clientFrame } from '../../support/clients/websocket-client.js';
import { assertLinearIn } from '../../support/field-lists.js';
import { Sharing, turn } from './sharing.js';
import type { WatchingClient } from './watching-client.js';

const fieldsOf = (more: Readonly<Record<string, string | undefined>> = {}) =>
  Object.entries({
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    Origin: 'https://api:6443',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...more,
  }).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));

describe('the handshake of a watch over a WebSocket', () => {
  const accepted = ['Upgrade', 'websocket', 'Connection', 'Upgrade'];
  accepted.push('Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');

  it('is accepted as kube-apiserver does, with the one subprotocol that is asked for, and no extension', () => {
    assert.deepEqual(acceptedHandshake(fieldsOf()), accepted);
    const extended = fieldsOf({ upgrade: undefined, Upgrade: 'WebSocket', 'Sec-WebSocket-Extensions': 'x' });
    assert.deepEqual(acceptedHandshake(extended), accepted);
    assert.deepEqual(acceptedHandshake(fieldsOf({ 'Sec-WebSocket-Protocol': ' ' })), accepted);
    const withProtocol = [...accepted, 'Sec-WebSocket-Protocol', 'base64.binary.k8s.io'];
    assert.deepEqual(
      acceptedHandshake(fieldsOf({ 'Sec-WebSocket-Protocol': 'base64.binary.k8s.io ' })),
      withProtocol,
    );
  });

  it('is left to the API server if that rejects it, if it is odd, or if it has a credential', () => {
    const bearer = 'base64url.bearer.authorization.k8s.io.dG9rZW4';
    for (const [name, value] of [
      ...['one, two', 'one,', 'a b', 'é', bearer, bearer.toUpperCase(), `x, ${bearer}`].map(
        protocol => ['Sec-WebSocket-Protocol', protocol] as const,
      ),
      ...['x', 'dGhlIHNhbXBsZSBub25jZQ', '', undefined].map(key => ['Sec-WebSocket-Key', key] as const),
      ...['8', '13, 13', undefined].map(version => ['Sec-WebSocket-Version', version] as const),
      ...['spdy/3.1', 'websocket, websocket', undefined].map(protocol => ['Upgrade', protocol] as const),
      ['Origin', undefined],
    ] as const)
      assert.equal(acceptedHandshake(fieldsOf({ [name]: value })), undefined, `${name}: ${value}`);
    const key = ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='];
    assert.equal(acceptedHandshake([...fieldsOf(), ...key]), undefined);
  });

  it('is no part of what is asked for, but the other options of Connection are', () => {
    const rest = ['Accept', 'x', 'X-Sec-WebSocket-Key', 'y'];
    const extended = fieldsOf({
      'Sec-WebSocket-Protocol': 'a',
      'sec-websocket-extensions': 'b',
      Origin: undefined,
    });
    assert.deepEqual(withoutHandshake([...extended, ...rest]), ['Connection', '', ...rest]);
    assert.deepEqual(withoutHandshake(['connection', 'keep-alive, UPGRADE, x-a']), [
      'connection',
      'keep-alive, x-a',
    ]);
  });

  for (const [what, read] of Object.entries({ acceptedHandshake, withoutHandshake }))
    it(`is read in linear time (${what})`, () =>
      assertLinearIn(['sec-websocket-protocol', 'connection', 'upgrade', 'x'], read));
});

describe('a client of a shared watch over a WebSocket', () => {
  const joined = async (sharing: Sharing, asked = {}) => {
    const client = await sharing.open({ webSocket: true, ...asked });
    assert.equal(client.status, 101);
    return client as WatchingClient & { readonly socket: SwitchedSocket };
  };

  it('joins the watch of a plain client, and gets the same events', async () => {
    const sharing = new Sharing();
    const plain = await sharing.open({});
    const client = await sharing.join({ webSocket: true });
    assert.equal(sharing.server.watches.length, 1);
    for (let count = 0; count < 5; count++) sharing.change();
    await turn();
    assert.equal(client.text, plain.text);
    assert.deepEqual(sharing.joins, ['opened', 'ring']);
    assert.equal(sharing.counts.delivered, 10);
  });

  it('has its own watch without a version, or if it cannot be shared', async () => {
    const sharing = new Sharing();
    const client = await sharing.join({ webSocket: true, initial: true, bookmarks: true });
    assert.match(sharing.watch().path, /^\/own/);
    sharing.watch().open();
    assert.deepEqual([client.status, sharing.joins], [200, ['own']]);
  });

  it('gets the error of a version that is too old as its last message, and is closed', async () => {
    const sharing = new Sharing();
    const client = await joined(sharing);
    const error = '{"type":"ERROR","object":{"kind":"Status","code":410,"metadata":{}}}\n';
    sharing.watch().text(error);
    await turn();
    const head = Buffer.from([0x81, error.length]);
    assert.deepEqual(
      Buffer.concat(client.raw),
      Buffer.concat([head, Buffer.from(error), Buffer.from('880203e8', 'hex')]),
    );
    assert.equal(client.ended, 'end');
    assert.equal(client.socket.destroyed, true);
  });

  it('that reads nothing lags and is cut, and gets no more answers to its pings', async () => {
    const sharing = new Sharing({ buffer: 2 ** 20 });
    const slow = await joined(sharing);
    const other = await sharing.join({ webSocket: true });
    await turn();
    slow.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(0x9, 'x'.repeat(100))));
    let read = 0;
    for (let count = 0; count < 20; count++) slow.socket.write(pings, () => (read += 1));
    await turn();
    assert.ok(read < 2, `${read} pings`);
    const before = slow.raw.length;
    for (let count = 0; count < 60; count++) {
      sharing.server.write(1, 'x'.repeat(50_000));
      sharing.watch(-1).send();
      await turn();
    }
    assert.equal(other.events.length, 60);
    assert.equal(slow.raw.length, before);
    assert.match(String(slow.ended), /too slowly/);
    assert.equal(sharing.counts.lagged, 1);
    assert.ok(slow.socket.destroyed);
  });

  it('that reads again goes on where it was, and has its pongs', async () => {
    const sharing = new Sharing();
    const client = await joined(sharing);
    await turn();
    client.socket.pause();
    for (let count = 0; count < 20; count++) {
      sharing.server.write(1, 'x'.repeat(10_000));
      sharing.watch(-1).send();
    }
    await turn();
    client.socket.write(clientFrame(0x9, 'ping'));
    client.socket.write(clientFrame(0x9, 'later'));
    assert.equal(client.events.length, 0);
    client.socket.resume();
    assert.equal(client.events.length, 20);
    await turn();
    const pongs = client.raw.filter(bytes => bytes[0] === 0x8a).map(bytes => bytes.subarray(2).toString());
    assert.deepEqual(pongs, ['ping', 'later']);
  });

  it('leaves with its close frame, or with the end of its bytes, and gets nothing after that', async () => {
    for (const leave of [
      (socket: SwitchedSocket) =>
        socket.write(Buffer.concat([clientFrame(0x8, ''), clientFrame(0x9, 'late')])),
      (socket: SwitchedSocket) => socket.end(),
    ]) {
      const sharing = new Sharing();
      const client = await joined(sharing);
      leave(client.socket);
      assert.equal(sharing.counts.clients, 0);
      sharing.change();
      await turn();
      assert.deepEqual([client.closed, client.ended, client.text], [1000, 'end', '']);
    }
  });

  it('that is ended or cut by others leaves the watch', async () => {
    for (const end of [
      (client: WatchingClient) => client.trip?.abort(),
      (client: WatchingClient) => client.socket?.destroySoon(),
    ]) {
      const sharing = new Sharing();
      const client = await joined(sharing);
      end(client);
      await turn();
      assert.equal(sharing.counts.clients, 0);
    }
  });

  it('gets the same memory as all others', async () => {
    const sharing = new Sharing();
    const clients = [await joined(sharing), await sharing.join({ webSocket: true })];
    await turn();
    for (let count = 1; count <= 3; count++) {
      sharing.change();
      assert.equal(new Set(clients.flatMap(({ raw }) => raw)).size, count);
    }
  });
});
