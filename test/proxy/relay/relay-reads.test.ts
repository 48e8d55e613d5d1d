import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RelayReads } from '../../../src/proxy/relay/relay-reads.js';

/** A connection that reads as a socket does, and the parts that the relay writes, which stay pending until the test ends them. */
class Connection {
  readonly reads = new RelayReads();
  readonly socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }) as Socket;
  readonly parts: { readonly part: Buffer; readonly copy: Buffer; readonly onWritten: () => void }[] = [];
  readonly rooms = new Set<ArrayBufferLike>();
  /** Whether the socket is to read on after its last read. */
  goesOn: boolean | undefined;
  #room: Buffer;

  constructor() {
    this.reads.follow(this.socket);
    this.#room = this.#next();
  }

  relay(): this {
    this.reads.relayTo((part, onWritten) => this.parts.push({ part, copy: Buffer.from(part), onWritten }));
    return this;
  }

  /** Reads as many of the bytes as fit, and returns their number. */
  read(bytes: Buffer): number {
    const length = bytes.copy(this.#room);
    this.goesOn = this.reads.options.callback(length, this.#room);
    this.#room = this.#next();
    return length;
  }

  /** Ends the write of the oldest part, which must not have changed. */
  written(): Buffer {
    const { part, copy, onWritten } = this.parts.shift() as (typeof this.parts)[number];
    assert.ok(part.equals(copy));
    onWritten();
    return copy;
  }

  #next(): Buffer {
    const room = (this.reads.options.buffer as () => Buffer)();
    assert.ok(room.length > 0);
    this.rooms.add(room.buffer);
    return room;
  }
}

describe('the bytes that a relay reads', () => {
  it('are written in one part at the end of each turn of the event loop', async () => {
    const connection = new Connection().relay();
    for (const texts of [
      ['one ', 'two ', 'three'],
      ['four ', 'five'],
    ]) {
      for (const text of texts) connection.read(Buffer.from(text));
      assert.equal(connection.parts.length, 0);
      await turn();
      assert.equal(connection.written().toString(), texts.join(''));
    }
  });

  it('are followed by others unless the socket is paused, which still writes what it has read', async () => {
    const connection = new Connection().relay();
    for (const goesOn of [true, false]) {
      if (!goesOn) connection.socket.pause();
      connection.read(Buffer.from('part'));
      assert.equal(connection.goesOn, goesOn);
    }
    await turn();
    assert.equal(connection.written().toString(), 'partpart');
  });

  it('are written immediately when a buffer is full', () => {
    const connection = new Connection().relay();
    connection.read(Buffer.alloc(4 * 1024));
    for (let reads = 0; reads < 4; reads += 1) connection.read(Buffer.alloc(16 * 1024));
    assert.deepEqual(
      connection.parts.map(({ copy }) => copy.length),
      [4 * 1024, 64 * 1024],
    );
  });

  it('use the same memory again after they have been written', async () => {
    const connection = new Connection().relay();
    for (let index = 0; index < 1000; index += 1) {
      connection.read(Buffer.alloc(16 * 1024, index % 251));
      if (index % 3 === 0) await turn();
      while (connection.parts.length > 0) connection.written();
    }
    assert.ok(connection.rooms.size <= 5, `${connection.rooms.size} buffers`);
  });

  it('are events of the socket before the relay begins, and come before later ones', async () => {
    const connection = new Connection();
    const events: string[] = [];
    connection.read(Buffer.from('head'));
    connection.relay();
    connection.read(Buffer.from(' and more'));
    const earlier: Buffer[] = [];
    for (let chunk = connection.socket.read(); chunk !== null; chunk = connection.socket.read())
      earlier.push(chunk);
    assert.equal(Buffer.concat(earlier).toString(), 'head and more');
    connection.socket.on('data', chunk => events.push(String(chunk)));
    connection.read(Buffer.from('rest'));
    await turn();
    assert.deepEqual(events, []);
    assert.equal(connection.parts[0]?.copy.toString(), 'rest');
  });

  it('are written immediately at the end of the stream', () => {
    const connection = new Connection().relay();
    connection.read(Buffer.from('last'));
    connection.reads.flush();
    assert.equal(connection.written().toString(), 'last');
    connection.reads.flush();
    assert.equal(connection.parts.length, 0);
  });
});
