import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/features/shared-watches/turns.js';
import { Sharing, turn } from './sharing.js';
import { eventLine } from './watched-server.js';

const lines = (...versions: number[]) => versions.map(version => eventLine(version)).join('');

const create = (options?: ConstructorParameters<typeof Sharing>[0]) => new Sharing(options);

describe('an API server that accepts a watch again and then sends nothing', () => {
  it('delays its clients at most for the time limit', async () => {
    for (const how of ['end', 'fail'] as const) {
      const { clock, counts, watch, open } = create();
      const client = await open();
      watch(0)[how]();
      clock.advance(29_000);
      const before = client.ended;
      clock.advance(1_001);
      assert.deepEqual([before, client.ended instanceof Error], [undefined, true]);
      assert.deepEqual([watch(1).isAborted, counts.watches], [true, 0]);
    }
  });

  it('does not end a watch that continues in time', async () => {
    const { clock, watch, open } = create();
    const client = await open();
    watch(0).end();
    clock.advance(20_000);
    watch(1).open();
    clock.advance(60_000);
    assert.equal(client.ended, undefined);
    watch(1).end();
    clock.advance(20_000);
    watch(2).open();
    clock.advance(20_000);
    assert.equal(client.ended, undefined);
  });
});

describe('events with the same version, as when etcd lets Events expire together', () => {
  it('reach every client, and are one version for a client that joins', async () => {
    const { watch, open, join } = create();
    const clients = [await open(), await join()];
    watch(0).text(lines(104, 105, 105));
    const [before, after] = [await join({ version: '104' }), await join({ version: '105' })];
    watch(0).text(lines(105, 107));
    for (const { text } of clients) assert.equal(text, lines(104, 105, 105, 105, 107));
    assert.equal(before.text, lines(105, 105, 105, 107));
    assert.equal(after.text, lines(107), 'it has had all of 105');
  });

  it('reach a client once if its watch is replaced between them', async () => {
    for (const had of [1, 2, 3]) {
      const { watch, open } = create();
      const late = await open({ version: '103' });
      const early = await open({ version: '101' });
      watch(0).text(lines(...[105, 105, 105].slice(0, had)));
      watch(1).text(lines(102, 105, 105));
      watch(1).text(lines(105, 106));
      watch(0).text(lines(...[105, 105, 105].slice(had), 106));
      assert.equal(early.text, lines(102, 105, 105, 105, 106));
      assert.equal(late.text, lines(105, 105, 105, 106), `${had} before`);
    }
  });

  it('are an error if one is repeated when the watch continues', async () => {
    const { watch, open, reopen } = create();
    const client = await open();
    watch(0).text(lines(105));
    reopen();
    watch(1).text(lines(105));
    assert.deepEqual([client.ended instanceof Error, client.text], [true, lines(105)]);
  });
});

describe('clients that come and go', () => {
  it('leave at most a hundred watches at the API server', async () => {
    const { atServer, clock, counts, join, open } = create();
    for (let count = 0; count < 300; count++) {
      (await (count % 2 === 0 ? join : open)({ key: `key ${count}` })).trip?.abort();
    }
    assert.ok(atServer() <= 100, `${atServer()} watches`);
    assert.equal((await join({ key: 'key 299' })).status, 200, 'the last one is still there');
    clock.advance(5_001);
    assert.deepEqual([atServer(), counts.watches], [1, 1]);
  });

  it('share at most ten watches of one kind, and then get their own', async () => {
    const { server, joins, counts, open } = create();
    for (let version = 1_000; version > 950; version--) await open({ version: String(version) });
    assert.equal(counts.watches, 10);
    assert.equal(joins.filter(how => how === 'own').length, 40);
    assert.equal(server.watches.at(-1)?.path, '/own?resourceVersion=951');
  });

  it('open as many as they like one after another', async () => {
    const { joins, watch, open } = create();
    for (let version = 1_000; version > 980; version--) {
      await open({ version: String(version) });
      watch(-1).text(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status' } })}\n`);
    }
    assert.ok(joins.every(how => how === 'opened'));
  });

  it('get nothing if their credential expires while they wait', async () => {
    const { clock, counts, watch, join } = create();
    const client = await join({ expires: clock.now() + 1_000 });
    const other = await join();
    clock.advance(1_000);
    watch(0).open();
    watch(0).text(lines(101));
    await turn();
    assert.deepEqual([client.text, client.ended, other.text], ['', 'end', lines(101)]);
    assert.equal(counts.clients, 1);
  });
});

describe('a burst of events', () => {
  it('makes the API server wait for clients whose turn has not come, and no client is cut', async () => {
    // The clock jumps so far that each turn uses up its time.
    let now = 0;
    const { counts, watch, open, join } = create({ turns: new Turns(() => (now += 20)) });
    const clients = [await open()];
    for (let count = 0; count < 20; count++) clients.push(await join());
    for (let version = 101; version < 5_101; ) {
      if (watch(0).isPaused) await turn();
      else {
        watch(0).text(lines(...Array.from({ length: 100 }, (_, index) => version + index)));
        version += 100;
      }
    }
    while (watch(0).isPaused) await turn();
    for (let count = 0; count < 30; count++) await turn();
    assert.equal(counts.lagged, 0);
    for (const client of clients) assert.equal(client.lines.length, 5_000);
  });
});

describe('clients that read slowly', () => {
  it('make the API server wait if all of them have stopped reading, as each alone would', async () => {
    const { counts, watch, open, join, reopen } = create({ buffer: 4_000 });
    const [one, other] = [await open(), await join()];
    one.trip?.pause();
    watch(0).text(lines(101));
    assert.equal(watch(0).isPaused, false, 'the other client still reads');
    other.trip?.pause();
    watch(0).text(lines(102));
    assert.equal(watch(0).isPaused, true);
    reopen('fail');
    assert.equal(watch(1).isPaused, true, 'even after a loss');
    one.trip?.resume();
    assert.equal(watch(1).isPaused, false);
    watch(1).text(lines(...Array.from({ length: 30 }, (_, index) => 103 + index)), 100);
    assert.deepEqual([counts.lagged, one.lines.length], [1, 32]);
    one.trip?.pause();
    watch(1).text(lines(140));
    assert.equal(watch(1).isPaused, true);
    await join({ version: '140' });
    assert.equal(watch(1).isPaused, false, 'a new client reads');
  });

  it('do not pause a watch after they have left it', async () => {
    const { watch, open } = create();
    const client = await open();
    client.trip?.pause();
    watch(0).text(lines(101));
    assert.equal(watch(0).isPaused, true);
    client.trip?.abort();
    assert.equal(watch(0).isPaused, false);
  });
});

describe('the memory for Tables', () => {
  it('is counted, and each event is held once', async () => {
    const { budget, watch, open } = create();
    await open();
    const table = (version: number, columnDefinitions: unknown) => {
      const rows = [{ cells: ['x'.repeat(10_000)] }];
      const metadata = { resourceVersion: String(version) };
      const object = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions, rows };
      return `${JSON.stringify({ type: 'ADDED', object })}\n`;
    };
    watch(0).text(table(101, [{ name: 'Name' }]));
    watch(0).text(table(102, null));
    assert.ok(budget.used >= 20_000 && budget.used < 22_000, `${budget.used} bytes`);
  });
});
