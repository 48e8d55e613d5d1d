import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JoinedBytes, SharedBytes } from '../../../src/features/shared-watches/shared-bytes.js';
import type { BorrowedBytes } from '../../../src/transport/borrowed-bytes.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, eventLine, type ServedWatch } from './watched-server.js';
import { type Asked, WatchingClient } from './watching-client.js';

const framed = (line: string) => `${Buffer.byteLength(line).toString(16)}\r\n${line}\r\n`;

/** A client that records each part that it would write. */
class WritingClient extends WatchingClient {
  readonly parts: (string | Buffer | undefined)[] = [];

  override data(chunk: BorrowedBytes): void {
    super.data(chunk);
    this.parts.push(chunk.toChunk());
    assert.equal(chunk.length, chunk.view().length);
  }
}

/** Clients of one shared watch, each of which has received one event. */
async function share(...asked: Asked[]): Promise<{ watch: ServedWatch; clients: WritingClient[] }> {
  const { server, send } = new Sharing({ buffer: 10_000_000 });
  const clients = asked.map(ask => new WritingClient(ask));
  for (const client of clients) send(client);
  await turn();
  const [watch] = server.watches as [ServedWatch];
  watch.open();
  await turn();
  watch.text(eventLine(101));
  for (const client of clients) client.parts.length = 0;
  return { watch, clients };
}

describe('events of a shared watch that come together', () => {
  it('are written in one part, each as its own chunk, and all clients get the same bytes', async () => {
    const { watch, clients } = await share({}, {});
    const lines = [102, 103, 104].map(version => eventLine(version));
    watch.text(lines.join(''));
    for (const { parts } of clients) {
      assert.equal(parts.length, 1);
      assert.equal(String(parts[0]), lines.map(framed).join(''));
    }
    assert.equal(clients[0]?.parts[0], clients[1]?.parts[0]);
  });

  it('are written without bookmarks for a client that has not asked for them', async () => {
    const { watch, clients } = await share({}, { bookmarks: true });
    const [first, second, third, fourth] = [102, 103, 104, 105].map(version => eventLine(version));
    watch.text([first, second, bookmarkLine(103), third, fourth].join(''));
    const all = [102, 103, 104, 105].map(version => `MODIFIED ${version}`);
    assert.deepEqual(clients[0]?.events.slice(1), all);
    assert.deepEqual(clients[1]?.events.slice(1), all.toSpliced(2, 0, 'BOOKMARK 103'));
    assert.equal(clients[1]?.parts.length, 1);
  });

  it('are written in parts of 64 KB', async () => {
    const { watch, clients } = await share({});
    const lines = Array.from({ length: 10 }, (_, index) => eventLine(102 + index, 'x'.repeat(20_000)));
    watch.text(lines.join(''));
    const [client] = clients as [WritingClient];
    assert.equal(client.lines.length, 11);
    for (const part of client.parts) assert.ok((part?.length ?? 0) < 65 * 1024, `${part?.length} bytes`);
    assert.equal(client.parts.map(String).join(''), lines.map(framed).join(''));
  });

  it('are not copied for a client that is behind', async () => {
    const { watch, clients } = await share({}, {});
    const [slow, quick] = clients as [WritingClient, WritingClient];
    slow.trip?.pause();
    const lines = Array.from({ length: 6 }, (_, index) => eventLine(102 + index));
    watch.text(lines.slice(0, 3).join(''));
    watch.text(lines.slice(3).join(''));
    assert.equal(quick.parts.length, 2);
    slow.trip?.resume();
    assert.deepEqual(slow.lines, quick.lines);
    assert.deepEqual(slow.parts.slice(0, 3).map(String), lines.slice(0, 3).map(framed));
    assert.equal(slow.parts.length, 4);
    assert.equal(slow.parts[3], quick.parts[1]);
  });
});

it('bytes that clients share are not copied to be kept', () => {
  const part = () => new SharedBytes([Buffer.from('a'), Buffer.from('bc')]);
  for (const bytes of [part(), new JoinedBytes([part(), part()])]) {
    assert.equal(bytes.length, bytes.view().length);
    assert.equal(bytes.keep(), bytes.view());
  }
});
