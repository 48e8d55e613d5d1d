import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../src/watches/turns.js';
import type { ManualClock } from '../support/manual-clock.js';
import { createRandom, type Random } from '../support/random.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, type ServedWatch, type WatchedServer } from './watched-server.js';
import { WatchingClient } from './watching-client.js';

/** The number of steps, over all seeds together. */
const steps = Number(process.env['MODEL_STEPS'] ?? 36_000);
const seeds = 12;

/** A client, with what the test knows about it. */
interface Guest {
  readonly client: WatchingClient;
  /** The version in its request. */
  readonly version: number;
  isPaused: boolean;
}

/** Shared watches, an API server, and clients that come and go at random. */
class World {
  readonly random: Random;
  readonly sharing: Sharing;
  readonly clock: ManualClock;
  readonly server: WatchedServer;
  readonly guests: Guest[] = [];

  constructor(seed: number) {
    let ticks = 0;
    this.random = createRandom(seed);
    this.sharing = new Sharing({
      // Some 30 events fit, so that clients fall behind or come too late.
      buffer: 12_000,
      // Some twenty clients can get events in one turn of the event loop.
      turns: new Turns(() => ticks++ / 2),
      random: () => this.random.below(1_000) / 1_000,
    });
    this.clock = this.sharing.clock;
    this.server = this.sharing.server;
  }

  get open(): ServedWatch[] {
    this.server.watches = this.server.watches.filter(({ isAborted, isOver }) => !isAborted && !isOver);
    return this.server.watches.filter(({ isOpen }) => isOpen);
  }

  get waiting(): ServedWatch[] {
    return this.server.watches.filter(watch => !watch.isAborted && !watch.isOver && !watch.isOpen);
  }

  /** Lets one random event happen. */
  step(): void {
    const { random } = this;
    const [watch] = this.open.length === 0 ? [] : [random.pick(this.open)];
    const guest = this.guests.length === 0 ? undefined : random.pick(this.guests);
    const what = random.below(100);
    if (what < 30) this.write();
    else if (what < 55) watch?.send(1 + random.below(5), 1 + random.below(400));
    else if (what < 60 && watch?.path.startsWith('/shared')) {
      watch.send();
      watch.bookmark();
    } else if (what < 72) this.join();
    else if (what < 78 && guest !== undefined) this.leave(guest);
    else if (what < 82) for (const one of this.waiting) one.open();
    else if (what < 86 && watch !== undefined) {
      // A watch that continues from a version does not get the remaining events of that version, as with a real API server.
      watch.sendRestOfVersion();
      if (what < 84) watch.end();
      else watch.fail();
    } else if (what < 87) for (const one of this.waiting) random.chance(0.5) ? one.fail() : one.open(503);
    else if (what < 92 && guest !== undefined) this.pauseOrResume(guest);
    else if (what < 99) this.clock.advance(random.below(2_000));
    else this.clock.advance(random.below(40_000));
  }

  /** Changes an object, or a few with one version. */
  write(): void {
    const { random, server } = this;
    let step = 1 + random.below(3);
    do {
      server.write(step, `${random.below(1_000)} ${'x'.repeat(random.below(200))}`);
      step = 0;
    } while (random.chance(0.3));
  }

  join(): void {
    const { random, server } = this;
    const version = Math.max(100, server.version + 2 - random.below(40));
    const client = new WatchingClient({
      version: String(version),
      key: random.pick(['pods', 'services']),
      bookmarks: random.chance(0.5),
      isAllowed: async () => random.chance(0.9),
    });
    this.guests.push({ client, version, isPaused: false });
    this.sharing.send(client);
  }

  leave(guest: Guest): void {
    guest.client.trip?.abort();
    this.check(guest);
    this.guests.splice(this.guests.indexOf(guest), 1);
  }

  pauseOrResume(guest: Guest): void {
    guest.isPaused = !guest.isPaused;
    if (guest.isPaused) guest.client.trip?.pause();
    else guest.client.trip?.resume();
  }

  /** Asserts that the events of each client are the beginning of those that it must get. */
  check({ client, version }: Guest, isComplete = false): void {
    const bookmarks = client.lines.filter(line => line.includes('BOOKMARK'));
    const events = client.lines.filter(line => !line.includes('BOOKMARK')).map(line => `${line}\n`);
    const all = this.server.writes.filter(write => write.version > version).map(({ line }) => line);
    assert.deepEqual(events, isComplete ? all : all.slice(0, events.length));
    if (!client.asked.bookmarks) assert.deepEqual(bookmarks, []);
    const versions = client.events.map(event => Number(event.split(' ')[1]));
    for (const [index, one] of versions.entries()) assert.ok(one >= (versions[index - 1] ?? version));
    for (const line of bookmarks)
      assert.equal(`${line}\n`, bookmarkLine(JSON.parse(line).object.metadata.resourceVersion));
  }

  /** Lets every client receive its missing events. */
  async settle(): Promise<void> {
    for (const guest of this.guests) if (guest.isPaused) this.pauseOrResume(guest);
    for (let round = 0; round < 30; round++) {
      for (const watch of this.waiting) watch.open();
      for (const watch of this.open) watch.send();
      this.clock.advance(500);
      await turn();
    }
  }
}

describe('shared watches under random events', () => {
  const seen = { opened: 0, ring: 0, own: 0, refused: 0, resumed: 0, lagged: 0 };

  for (let seed = 1; seed <= seeds; seed++) {
    it(`give every client its events, each once and in order (seed ${seed})`, async () => {
      const world = new World(seed);
      for (let step = 0; step < steps / seeds; step++) {
        world.step();
        // Clients join asynchronously.
        if (step % 3 === 0) await turn();
      }
      for (const guest of world.guests) world.check(guest);
      await world.settle();
      for (const guest of world.guests) world.check(guest, guest.client.ended === undefined);

      const { joins, counts } = world.sharing;
      for (const how of joins) if (how !== 'initial') seen[how] += 1;
      seen.resumed += counts.resumed.length;
      seen.lagged += counts.lagged;
      for (const guest of [...world.guests]) world.leave(guest);
      world.clock.advance(10_000);
      assert.equal(counts.clients, 0);
      assert.equal(counts.watches, 0);
      assert.deepEqual(world.open, []);
    });
  }

  it('reach every possible state', () => {
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what}: ${count}`);
  });
});
